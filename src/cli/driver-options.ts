/** `--driver-opt KEY=VALUE[,KEY=VALUE]` and HYPERFILE_DRIVER_OPTS; what the keys mean is the driver's to say. */
import { HyperfileError } from '../base/error.ts';
import { splitCsv } from '../cache/csv.ts';
import type { Console } from './console.ts';

/** @throws HyperfileError CLI_BAD_VALUE */
export function driverOptions(
  flags: readonly string[] = [],
  env: Console['env'] = {},
): { readonly driverOptions?: Record<string, string> } {
  const fromEnv = env.HYPERFILE_DRIVER_OPTS;
  const pairs = [
    ...(fromEnv ? parse(fromEnv, 'HYPERFILE_DRIVER_OPTS') : []),
    ...flags.flatMap((text) => parse(text, '--driver-opt')),
  ];
  return pairs.length === 0 ? {} : { driverOptions: Object.fromEntries(pairs) };
}

function parse(text: string, option: string): [key: string, value: string][] {
  const expected = 'KEY=VALUE, or several separated by commas';
  return (splitCsv(text) ?? ['']).map((field) => {
    const [key, value] = field.split(/=(.*)/s).map((part) => part.trim());
    if (key === '' || value === undefined)
      throw new HyperfileError('CLI_BAD_VALUE', { data: { value: JSON.stringify(text), option, expected } });
    return [key, value];
  });
}
