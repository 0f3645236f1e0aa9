/**
 * Where a program of a Windows host lies. The system itself would look into the current folder first, which may be a
 * stranger's build context; and it says of what is no .exe only that cmd.exe ended with 1.
 */
import { statSync } from 'node:fs';
import path from 'node:path';

const DEFAULT_ENDINGS = '.COM;.EXE;.BAT;.CMD';

/**
 * The file of a program named as on a command line, by PATH and PATHEXT; a path stays as it is. Undefined when there is
 * none.
 */
export function findWindowsProgram(
  tool: string,
  env: NodeJS.ProcessEnv,
  isFile: (file: string) => boolean = isFileOfHost,
): string | undefined {
  if (/[\\/:]/.test(tool)) return tool;
  const endings = (variable(env, 'PATHEXT') || DEFAULT_ENDINGS).split(';').filter((ending) => ending !== '');
  const names = path.win32.extname(tool) === '' ? [] : [tool];
  names.push(...endings.map((ending) => tool + ending.toLowerCase()));
  const folders = (variable(env, 'PATH') ?? '').split(';').map((folder) => folder.replace(/^"(.*)"$/, '$1'));
  return folders
    .filter((folder) => path.win32.isAbsolute(folder))
    .flatMap((folder) => names.map((name) => path.win32.join(folder, name)))
    .find(isFile);
}

/**
 * A program that Windows brings, by its place below System32: no folder of PATH may put another in its place.
 *
 * @param names of folders, and of the file
 */
export function systemProgram(names: readonly string[], env: NodeJS.ProcessEnv = process.env): string {
  return path.win32.join(env.SystemRoot ?? 'C:\\Windows', 'System32', ...names);
}

/** Names of variables do not differ in case there. */
function variable(env: NodeJS.ProcessEnv, name: string): string | undefined {
  const key = Object.keys(env).find((known) => known.toUpperCase() === name);
  return key === undefined ? undefined : env[key];
}

function isFileOfHost(file: string): boolean {
  return statSync(file, { throwIfNoEntry: false })?.isFile() === true;
}
