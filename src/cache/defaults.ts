/**
 * The caches of a build that names none: from the environment, else from the project's file, so that CI needs no flags.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { HyperfileError, systemCode } from '../base/error.ts';
import { suggest } from '../base/suggest.ts';
import type { CacheDirection } from './options.ts';

/** The project's file, in the folder of the build context. */
export const PROJECT_FILE = '.hyperfile.json';

/** Options in the form of `--cache-from` and `--cache-to`. */
export type CacheDefaults = Readonly<Record<CacheDirection, readonly string[]>>;

const VARIABLES: Readonly<Record<CacheDirection, string>> = {
  from: 'HYPERFILE_CACHE_FROM',
  to: 'HYPERFILE_CACHE_TO',
};

/**
 * What HYPERFILE_CACHE_FROM and HYPERFILE_CACHE_TO say (several caches stand apart by white space or `;`), and for each
 * that is not set what the project's file says. An empty variable means none. Flags win over all of it: whoever has some
 * does not ask for the defaults of that direction.
 *
 * @throws HyperfileError CACHE_DEFAULTS
 */
export function readCacheDefaults(
  contextFolder: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): CacheDefaults {
  let file: Partial<CacheDefaults> | undefined;
  const read = (direction: CacheDirection): readonly string[] => {
    const named = env[VARIABLES[direction]];
    if (named !== undefined) return named.split(/[\s;]+/).filter((option) => option !== '');
    file ??= contextFolder === undefined ? {} : readProjectFile(path.join(contextFolder, PROJECT_FILE));
    return file[direction] ?? [];
  };
  return { from: read('from'), to: read('to') };
}

function readProjectFile(file: string): Partial<CacheDefaults> {
  const project = members(file, 'the file', parse(file), ['cache']);
  return members(file, 'cache', project.cache ?? {}, ['from', 'to'], (direction, options) => {
    const isList = Array.isArray(options) && options.every((option) => typeof option === 'string');
    if (!isList) throw wrong(file, `cache.${direction} is not a list of texts`);
  });
}

function parse(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return {};
    throw wrong(file, `it cannot be read (${systemCode(error) ?? 'unknown error'})`);
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw wrong(file, `it is not JSON: ${(error as Error).message}`);
  }
}

/** An object that has no other members than the known ones. */
function members(
  file: string,
  what: string,
  value: unknown,
  known: readonly string[],
  check: (name: string, member: unknown) => void = () => undefined,
): Record<string, never> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(file, `${what} is not an object`);
  for (const [name, member] of Object.entries(value)) {
    if (!known.includes(name)) {
      const near = suggest(name, known);
      throw wrong(
        file,
        `${what} has no field "${name}"`,
        near === undefined ? undefined : `Did you mean "${near}"?`,
      );
    }
    check(name, member);
  }
  return value as Record<string, never>;
}

function wrong(file: string, problem: string, hint?: string): HyperfileError {
  return new HyperfileError('CACHE_DEFAULTS', {
    data: { path: file, problem },
    ...(hint !== undefined && { hint }),
  });
}
