/** `--chmod`: octal, or chmod(1)'s symbolic modes with a umask of 0. */
import { HyperfileError } from '../base/error.ts';

/** Gives the new permission bits (0 to 07777) for old ones. */
export type ModeChange = (mode: number, isDirectory: boolean) => number;

const CLASS_SHIFT = { u: 6, g: 3, o: 0 } as const;
const CLAUSE = /^([ugoa]*)((?:[-+=](?:[ugo]|[rwxXst]*))+)$/;
const ACTION = /([-+=])([ugo]|[rwxXst]*)/g;

type ClassName = keyof typeof CLASS_SHIFT;

/**
 * The fixed mode of an octal text, or undefined when it is symbolic.
 *
 * @throws HyperfileError FS_MODE_INVALID above 07777
 */
export function octalMode(text: string): number | undefined {
  if (!/^[0-7]+$/.test(text)) return undefined;
  const mode = Number.parseInt(text, 8);
  if (mode > 0o7777) throw new HyperfileError('FS_MODE_INVALID', { data: { mode: text } });
  return mode;
}

/** @throws HyperfileError FS_MODE_INVALID */
export function parseModeChange(text: string): ModeChange {
  const fixed = octalMode(text);
  if (fixed !== undefined) return () => fixed;
  const changes = text.split(',').map((clause) => parseClause(clause, text));
  return (mode, isDirectory) => changes.reduce((result, change) => change(result, isDirectory), mode);
}

function parseClause(clause: string, text: string): ModeChange {
  const match = CLAUSE.exec(clause);
  if (!match) throw new HyperfileError('FS_MODE_INVALID', { data: { mode: text } });
  const classes = classesOf(match[1] ?? '');
  const actions = [...(match[2] ?? '').matchAll(ACTION)];
  return (mode, isDirectory) =>
    actions.reduce((result, [, operator, what]) => {
      const bits = bitsOf(what ?? '', classes, result, isDirectory);
      if (operator === '+') return result | bits;
      if (operator === '-') return result & ~bits;
      return (result & ~allBits(classes)) | bits;
    }, mode);
}

function classesOf(letters: string): ClassName[] {
  if (letters === '' || letters.includes('a')) return ['u', 'g', 'o'];
  return (['u', 'g', 'o'] as const).filter((name) => letters.includes(name));
}

function bitsOf(what: string, classes: readonly ClassName[], mode: number, isDirectory: boolean): number {
  let bits = 0;
  for (const name of classes) bits |= permissionBits(what, mode, isDirectory) << CLASS_SHIFT[name];
  if (what.includes('s')) bits |= (classes.includes('u') ? 0o4000 : 0) | (classes.includes('g') ? 0o2000 : 0);
  if (what.includes('t')) bits |= classes.includes('o') ? 0o1000 : 0;
  return bits;
}

/** Three bits: read, write, execute. A class name copies that class's. */
function permissionBits(what: string, mode: number, isDirectory: boolean): number {
  if (what === 'u' || what === 'g' || what === 'o') return (mode >> CLASS_SHIFT[what]) & 7;
  const executable = what.includes('x') || (what.includes('X') && (isDirectory || (mode & 0o111) !== 0));
  return (what.includes('r') ? 4 : 0) | (what.includes('w') ? 2 : 0) | (executable ? 1 : 0);
}

function allBits(classes: readonly ClassName[]): number {
  return bitsOf('rwxst', classes, 0, false);
}
