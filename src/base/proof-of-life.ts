/**
 * How a process of Windows shows that it lives. Process ids come round quickly there, and when a process started is not
 * to be had without another program. So each keeps a file open that nobody else may open meanwhile, in a folder that all
 * users share; the system closes and removes it when the process ends, however it ends.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import path from 'node:path';
import { systemCode } from './error.ts';

/** libuv's flags for `CreateFile`: no sharing, and gone when it is closed. Other systems know neither. */
const SHARED_WITH_NOBODY = 0x1000_0000;
const REMOVED_WHEN_CLOSED = 0x40;
const CREATE_NEW = 0x0500;
const READ_AND_WRITE = 0x0002;

/** `%ProgramData%`: whoever may use a store may look here, too. */
export function proofFolder(env: NodeJS.ProcessEnv = process.env): string {
  return path.win32.join(env.ProgramData || 'C:\\ProgramData', 'Hyperfile', 'alive');
}

/** Gives this process its proof, until it ends. False where none can be had: the folder may not be written to. */
export function proveLife(name: string, folder: string = proofFolder()): boolean {
  if (!path.isAbsolute(folder)) return false;
  try {
    mkdirSync(folder, { recursive: true });
    openSync(path.join(folder, name), READ_AND_WRITE | CREATE_NEW | SHARED_WITH_NOBODY | REMOVED_WHEN_CLOSED);
    return true;
  } catch (error) {
    if (systemCode(error) === undefined) throw error;
    return false;
  }
}

/** Whether a process holds its proof; undefined when that cannot be seen. */
export function isProvenAlive(name: string, folder: string = proofFolder()): boolean | undefined {
  if (!path.isAbsolute(folder)) return undefined;
  try {
    closeSync(openSync(path.join(folder, name), 'r'));
    return false;
  } catch (error) {
    const code = systemCode(error);
    return code === 'EBUSY' ? true : code === 'ENOENT' ? false : undefined;
  }
}
