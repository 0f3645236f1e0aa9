/** Moments and lengths of time as people say them. */
import { HyperfileError } from '../base/error.ts';

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

const UNITS = [
  ['year', 365 * DAY_MS],
  ['month', 30 * DAY_MS],
  ['week', 7 * DAY_MS],
  ['day', DAY_MS],
  ['hour', HOUR_MS],
  ['minute', MINUTE_MS],
  ['second', SECOND_MS],
] as const;

const LETTERS: Readonly<Record<string, number>> = { s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS };

/** `3 minutes ago`, in the largest unit that fits; `just now` under a second. @param moment ISO 8601 */
export function formatAge(moment: string, nowMs = Date.now()): string {
  const ageMs = nowMs - Date.parse(moment);
  const unit = UNITS.find(([, lengthMs]) => ageMs >= lengthMs);
  if (!unit) return 'just now';
  const count = Math.floor(ageMs / unit[1]);
  return `${count} ${unit[0]}${count === 1 ? '' : 's'} ago`;
}

/** Milliseconds of `90s`, `30m`, `24h` or `7d`. @throws HyperfileError CLI_BAD_DURATION */
export function parseDuration(value: string): number {
  const match = /^(\d+)([smhd])$/.exec(value.trim());
  const unitMs = LETTERS[match?.[2] ?? ''];
  if (!match || unitMs === undefined)
    throw new HyperfileError('CLI_BAD_DURATION', { data: { value: JSON.stringify(value) } });
  return Number(match[1]) * unitMs;
}
