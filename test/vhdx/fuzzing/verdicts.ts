/** What may come out of the engine: a result, or an error of ours about the file. Everything else is a violation. */
import { isHyperfileError } from '../../../src/base/error.ts';
import type { RepairKind } from '../../../src/vhdx/findings.ts';
import type { Layer } from '../../../src/vhdx/layer.ts';
import { checkOpenFile } from '../../../src/vhdx/operations/check.ts';
import { MutantFile, Violation, type Image } from './mutant-file.ts';

/** The result, or the code with which it was refused. */
export function attempt<T>(what: string, action: () => T): T | string {
  try {
    return action();
  } catch (error) {
    if (error instanceof Violation) throw error;
    if (!isHyperfileError(error)) throw new Violation(`${what}: ${String(error)}`, { cause: error });
    if (!error.code.startsWith('VHDX_')) throw new Violation(`${what}: ${error.code}: ${error.message}`);
    if (/\{\w+\}|undefined|NaN/.test(error.message)) throw new Violation(`${what}: ${error.message}`);
    return error.code;
  }
}

/** The result of something that cannot be refused any more. */
export function must<T>(what: string, action: () => T): T {
  let result: T | undefined;
  const refused = attempt(what, () => void (result = action()));
  if (typeof refused === 'string') throw new Violation(`${what}: refused with ${refused}`);
  return result as T;
}

/** A check finds an error exactly when a file cannot be opened, and the same one first. */
export function compareWithCheck(image: Image, opened: Layer | string): void {
  const { findings } = must('check', () => checkOpenFile(new MutantFile(image)));
  const errors = findings.listed.filter(({ severity }) => severity === 'error').map(({ code }) => code);
  const agrees = typeof opened === 'string' ? errors[0] === opened : errors.length === 0;
  if (agrees) return;
  const verdict = typeof opened === 'string' ? opened : 'reads';
  throw new Violation(`opening: ${verdict}, but a check finds: ${errors.join(', ')}`);
}

/** What a check offers to put right in the file alone. */
export function repairsFor(file: MutantFile): Set<RepairKind> {
  const { findings } = must('check', () => checkOpenFile(file));
  return new Set(
    findings.listed.flatMap(({ repair }) => (repair && repair !== 'parent-paths' ? [repair] : [])),
  );
}
