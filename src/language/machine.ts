/** The settings that MACHINE takes, and what their values mean. */
import { HyperfileError } from '../base/error.ts';
import { readSize } from '../base/size.ts';
import { suggest } from '../base/suggest.ts';
import type { ErrorCode } from '../base/codes/index.ts';
import { didYouMean, type DiagnosticOptions } from './diagnostic.ts';

const MIB = 1024 ** 2;
/** Windows has none with more. */
const MAX_PROCESSORS = 2048;

interface Setting<T> {
  readonly expected: string;
  /** The few words that it can be, for suggestions. */
  readonly choices: readonly string[];
  readonly read: (value: string) => T | undefined;
}

function choice<F extends string, T>(field: F, values: Readonly<Record<string, T>>): Setting<Record<F, T>> {
  const choices = Object.keys(values);
  return {
    expected: [choices.slice(0, -1).join(', '), choices.at(-1)].join(' or '),
    choices: choices.filter((name) => name.length > 1),
    read: (value) =>
      Object.hasOwn(values, value) ? ({ [field]: values[value] } as Record<F, T>) : undefined,
  };
}

const SETTINGS = {
  memory: { expected: 'a size in steps of 2 MiB, such as 4G or 4096M', choices: [], read: readMemory },
  cpus: { expected: `a number from 1 to ${MAX_PROCESSORS}`, choices: [], read: readProcessors },
  generation: choice('generation', { 1: 1 as const, 2: 2 as const }),
  'secure-boot': choice('secureBoot', {
    off: 'off' as const,
    windows: 'windows' as const,
    others: 'others' as const,
  }),
  tpm: choice('tpm', { on: true, off: false }),
  nested: choice('nested', { on: true, off: false }),
};

type Values<S> = S extends Setting<infer T> ? T : never;
/** The field of a machine's settings that one `key=value` sets. */
export type MachineValue = Values<(typeof SETTINGS)[keyof typeof SETTINGS]>;

export const MACHINE_KEYS: readonly string[] = Object.keys(SETTINGS);

/** What is wrong with a key or with the value it has, as an error of the language. */
export interface MachineProblem extends DiagnosticOptions {
  readonly code: ErrorCode;
}

/** Undefined for a key that MACHINE has. */
export function machineKeyProblem(key: string): MachineProblem | undefined {
  if (Object.hasOwn(SETTINGS, key)) return undefined;
  const hint = didYouMean(suggest(key, MACHINE_KEYS));
  return { code: 'LANG_MACHINE_KEY', data: { key, known: MACHINE_KEYS }, hint };
}

/** Of a key that MACHINE has; undefined for a value that it can have. */
export function machineValueProblem(key: string, value: string): MachineProblem | undefined {
  const { read, expected, choices } = settingOf(key);
  if (read(value) !== undefined) return undefined;
  const data = { key, value: value === '' ? 'empty' : value, expected };
  return { code: 'LANG_MACHINE_VALUE', data, hint: didYouMean(suggest(value, choices)) };
}

/**
 * What one `key=value` sets, once its variables are filled in.
 *
 * @throws HyperfileError LANG_MACHINE_KEY, LANG_MACHINE_VALUE
 */
export function readMachineSetting(key: string, value: string): MachineValue {
  const problem = machineKeyProblem(key) ?? machineValueProblem(key, value);
  if (problem !== undefined) {
    const { code, data, hint } = problem;
    throw new HyperfileError(code, { ...(data && { data }), ...(hint !== undefined && { hint }) });
  }
  return settingOf(key).read(value)!;
}

function settingOf(key: string): Setting<MachineValue> {
  return SETTINGS[key as keyof typeof SETTINGS];
}

/** Hyper-V gives memory in steps of 2 MiB, and no machine starts with less than 32. */
function readMemory(value: string): { readonly memoryBytes: number } | undefined {
  const { sizeBytes } = readSize(value);
  if (sizeBytes === undefined || sizeBytes % (2 * MIB) !== 0 || sizeBytes < 32 * MIB) return undefined;
  return { memoryBytes: sizeBytes };
}

function readProcessors(value: string): { readonly processors: number } | undefined {
  const processors = /^\d{1,4}$/.test(value) ? Number(value) : 0;
  return processors >= 1 && processors <= MAX_PROCESSORS ? { processors } : undefined;
}
