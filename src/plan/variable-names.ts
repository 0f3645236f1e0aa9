/** Variables by name. On Windows names do not differ in case, and the last way of writing one stays. */
import type { Variables } from '../language/expand.ts';

/** All of them in one record; later values win. */
export function mergeVariables(ignoreCase: boolean, ...parts: readonly Variables[]): Record<string, string> {
  const pairs = parts.flatMap((part) => Object.entries(part));
  if (!ignoreCase) return Object.fromEntries(pairs);
  return Object.fromEntries(new Map(pairs.map((pair) => [pair[0].toUpperCase(), pair])).values());
}
