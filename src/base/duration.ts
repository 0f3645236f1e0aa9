/** Durations as Go writes them: `1h30m`, `1.5s`, `300ms`. */

const UNITS_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
const PART = /(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/y;

/** Milliseconds; undefined for anything that is no duration, is negative, or is shorter than 1 ms but not 0. */
export function parseDurationMs(text: string): number | undefined {
  if (/^\+?0$/.test(text)) return 0;
  let at = text.startsWith('+') ? 1 : 0;
  if (at === text.length) return undefined;
  let total = 0;
  while (at < text.length) {
    PART.lastIndex = at;
    const [part = '', value, unit = ''] = PART.exec(text) ?? [];
    if (part === '') return undefined;
    total += Number(value) * (UNITS_MS[unit] ?? 0);
    at += part.length;
  }
  return total === 0 || (total >= 1 && Number.isFinite(total)) ? total : undefined;
}
