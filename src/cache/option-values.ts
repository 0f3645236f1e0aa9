/** The values that fields of a cache option take. */

/** A value, or what was expected instead. */
export type ReadValue<T> = (text: string) => { readonly value: T } | { readonly expected: string };

/** zstd(1): 20 and above need far more memory to compress. */
const MAX_LEVEL = 22;

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

export function readChoice(...choices: string[]): ReadValue<string> {
  return (text) => (choices.includes(text) ? { value: text } : { expected: choices.join(' or ') });
}

/** Go's strconv.ParseBool, which Docker reads its options with, knows these. */
export function readBoolean(text: string): ReturnType<ReadValue<boolean>> {
  if (['true', 'TRUE', 'True', '1', 't', 'T'].includes(text)) return { value: true };
  if (['false', 'FALSE', 'False', '0', 'f', 'F'].includes(text)) return { value: false };
  return { expected: 'true or false' };
}

export function readLevel(text: string): ReturnType<ReadValue<number>> {
  const level = /^\d{1,2}$/.test(text) ? Number(text) : 0;
  return level >= 1 && level <= MAX_LEVEL ? { value: level } : { expected: `a level from 1 to ${MAX_LEVEL}` };
}

/** `30s`, `1.5m`, `500ms`. The value is in milliseconds. */
export function readDuration(text: string): ReturnType<ReadValue<number>> {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text) ?? [];
  const ms = Math.round(Number(number) * (UNIT_MS[unit] ?? 0));
  return ms > 0 ? { value: ms } : { expected: 'a length of time like 30s or 2m' };
}
