/** Sessions of the tests: in the tests' PowerShell, with functions of their own. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { PowerShellSession, type SessionOptions } from '../../../../src/drivers/hyperv/session/session.ts';
import { powershellEngine } from '../../../support/powershell/engine.ts';

export const SAMPLE = path.join(import.meta.dirname, 'Sample.psm1');
/** For PowerShell to start, with Node. */
export const PROGRAM = path.join(import.meta.dirname, 'program.ts');

export async function sampleSession(options: SessionOptions = {}): Promise<PowerShellSession> {
  const { executable } = await powershellEngine();
  return new PowerShellSession({ executable, modules: [SAMPLE], ...options });
}

/** A folder that is gone after the test's `using`. */
export function temporaryFolder(): Disposable & { readonly path: string } {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hyperfile-session-'));
  return { path: folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Waits until something is so; the test's own time limit ends it otherwise. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await sleep(20);
}

/** What a function under test wrote to a file when it came so far. */
export async function written(file: string): Promise<string> {
  await until(() => existsSync(file) && readFileSync(file, 'utf8').trim() !== '');
  return readFileSync(file, 'utf8').trim();
}

/** True while a process exists and is no zombie. */
export function isAlive(pid: number): boolean {
  try {
    if (process.platform !== 'linux') return process.kill(pid, 0);
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z';
  } catch {
    return false;
  }
}
