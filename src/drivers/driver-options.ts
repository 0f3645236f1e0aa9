/** What `--driver-opt KEY=VALUE` sets: every driver has a table of the keys it knows, read here. */
import { parseDurationMs } from '../base/duration.ts';
import { HyperfileError } from '../base/error.ts';
import { readSize } from '../base/size.ts';
import { suggest } from '../base/suggest.ts';

/** One key of a driver's table. */
export interface DriverSetting<T> {
  /** What the value is, for messages. */
  readonly expected: string;
  /** The few words that the value can be, for suggestions. */
  readonly choices?: readonly string[];
  /** Undefined for a value that it cannot be. */
  readonly read: (value: string) => T | undefined;
}

export type SettingsTable = Readonly<Record<string, DriverSetting<unknown>>>;

export type SettingValues<S extends SettingsTable> = {
  readonly [K in keyof S]?: S[K] extends DriverSetting<infer T> ? T : never;
};

/**
 * The values that were given, by key; what was not given is absent.
 *
 * @throws HyperfileError DRIVER_OPTION for a key that the driver does not know, and for a value that the key cannot have
 */
export function readDriverOptions<S extends SettingsTable>(
  driver: string,
  table: S,
  given: Readonly<Record<string, string>> = {},
): SettingValues<S> {
  const values = Object.entries(given).map(([key, text]) => {
    if (!Object.hasOwn(table, key)) throw unknownKey(driver, key, Object.keys(table));
    const { expected, choices = [], read } = table[key];
    const value = read(text);
    if (value === undefined) throw badValue(driver, key, text, expected, choices);
    return [key, value] as const;
  });
  return Object.fromEntries(values) as SettingValues<S>;
}

/** One of a few words. */
export function choiceOf<const T extends string>(...choices: T[]): DriverSetting<T> {
  const expected = [choices.slice(0, -1).join(', '), choices.at(-1)].filter(Boolean).join(' or ');
  return { expected, choices, read: (value) => choices.find((name) => name === value) };
}

/** Bytes of a size like `4G`. */
export const sizeSetting: DriverSetting<number> = {
  expected: 'a size such as 4G or 4096M',
  read: (value) => readSize(value).sizeBytes,
};

/** A number from 1. */
export const countSetting: DriverSetting<number> = {
  expected: 'a number from 1',
  read: (value) => (/^[1-9]\d{0,5}$/.test(value) ? Number(value) : undefined),
};

/** Milliseconds of a length of time like `10m`; not zero. */
export const durationSetting: DriverSetting<number> = {
  expected: 'a length of time such as 10m or 90s',
  read: (value) => parseDurationMs(value) || undefined,
};

/** Any text that is not empty. */
export function textSetting(expected: string): DriverSetting<string> {
  return { expected, read: (value) => (value === '' ? undefined : value) };
}

function unknownKey(driver: string, key: string, known: readonly string[]): HyperfileError {
  const problem = `it has no option "${key}"; known are ${known.join(', ')}`;
  return driverOption(driver, problem, suggest(key, known));
}

function badValue(
  driver: string,
  key: string,
  value: string,
  expected: string,
  choices: readonly string[],
): HyperfileError {
  return driverOption(driver, `${key} cannot be "${value}": it takes ${expected}`, suggest(value, choices));
}

function driverOption(driver: string, problem: string, near: string | undefined): HyperfileError {
  const hint = near === undefined ? {} : { hint: `Did you mean ${near}?` };
  return new HyperfileError('DRIVER_OPTION', { data: { driver, problem }, ...hint });
}
