/** Every verb by name. The modules behind them load only when their verb runs. */
import type { VerbEntry } from './verb.ts';

export const VERBS: readonly VerbEntry[] = [
  { name: 'build', summary: 'Build an image from a Hyperfile', load: () => import('./verbs/build.ts') },
  { name: 'version', summary: 'Show the version', load: () => import('./verbs/version.ts') },
];

/** The module of a verb, or undefined when there is no such verb. */
export function findVerb(name: string): VerbEntry | undefined {
  return VERBS.find((verb) => verb.name === name);
}
