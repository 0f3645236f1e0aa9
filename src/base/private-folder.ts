/** Folders for secrets: nobody but this account looks into them. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { HyperfileError } from './error.ts';
import { systemProgram } from './find-program.ts';
import { isOnWindows } from './host-platform.ts';

/** Runs icacls.exe; @returns what it says when it fails */
export type ChangeAccess = (args: readonly string[]) => string | undefined;

/**
 * Makes a private folder in another one, which is made if it is missing. On Windows the modes of files do nothing, and what
 * is made inherits who may read the folder around it: so that is cut off, and the account itself is let in.
 *
 * @throws HyperfileError TOOL_FAILED when Windows does not let it be private; there is no folder then
 */
export function makePrivateFolder(
  parent: string,
  prefix: string,
  changeAccess: ChangeAccess = icacls,
): string {
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(path.join(parent, prefix));
  if (!isOnWindows()) return folder;
  const failure = changeAccess([folder, '/inheritance:r', '/grant:r', `${ownAccount()}:(OI)(CI)F`]);
  if (failure === undefined) return folder;
  rmSync(folder, { recursive: true });
  throw new HyperfileError('TOOL_FAILED', { data: { tool: 'icacls', status: 1, output: failure } });
}

function ownAccount(): string {
  const domain = process.env.USERDOMAIN;
  const { username } = os.userInfo();
  return domain === undefined ? username : `${domain}\\${username}`;
}

function icacls(args: readonly string[]): string | undefined {
  const program = systemProgram(['icacls.exe']);
  const { status, error, stderr } = spawnSync(program, args, { windowsHide: true, encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}
