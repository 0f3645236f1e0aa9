/** HEALTHCHECK: a command, how often it runs, and when it counts. */
import { readCommand } from './commands.ts';
import { parseDurationMs } from '../base/duration.ts';
import { flagValue, wrongValue } from './flags.ts';
import type { Line } from './line.ts';
import type { FieldsOf } from './read-instruction.ts';

const DURATIONS = {
  interval: 'intervalMs',
  timeout: 'timeoutMs',
  'start-period': 'startPeriodMs',
  'start-interval': 'startIntervalMs',
} as const;

export function readHealthcheck(line: Line): FieldsOf<'HEALTHCHECK'> | undefined {
  if (line.has('HealthNone')) return {};
  const times = readDurations(line);
  const retries = readRetries(line);
  const command = readCommand(line);
  if (command?.form === 'exec' && command.argv.length === 0) return line.needsArguments();
  return command && { command, ...times, ...(retries !== undefined && { retries }) };
}

/** Zero means the default, as if the flag was not there. */
function readDurations(line: Line): Partial<Record<(typeof DURATIONS)[keyof typeof DURATIONS], number>> {
  const given = Object.entries(DURATIONS).map(([flag, field]) => {
    const value = flagValue(line, flag);
    if (value === undefined || value.raw === '') return [field, 0] as const;
    const durationMs = parseDurationMs(value.raw);
    if (durationMs === undefined) line.error('LANG_DURATION', value.range, { data: { value: value.raw } });
    return [field, durationMs ?? 0] as const;
  });
  return Object.fromEntries(given.filter(([, durationMs]) => durationMs > 0));
}

function readRetries(line: Line): number | undefined {
  const value = flagValue(line, 'retries');
  if (value === undefined || value.raw === '') return undefined;
  if (!/^\+?\d{1,9}$/.test(value.raw)) wrongValue(line, 'retries', value);
  return Number(value.raw);
}
