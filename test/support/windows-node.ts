/**
 * Node for Windows: this process's own on a Windows host, else what HYPERFILE_WINDOWS_NODE names, a program that starts one
 * under Wine and passes its arguments on. Wine shows the whole host as drive Z:.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const OWN = process.platform === 'win32' ? process.execPath : undefined;

export function windowsNode(): string | undefined {
  return OWN ?? process.env.HYPERFILE_WINDOWS_NODE;
}

/** A path of this host as that Node takes it. */
export function pathThere(file: string): string {
  return OWN === undefined ? `Z:${file.replaceAll('/', '\\')}` : file;
}

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a script to its end. Output goes through files: Wine's consoles know no pipes. */
export async function runThere(
  script: string,
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-windows-'));
  const output = path.join(folder, 'output');
  const errors = path.join(folder, 'errors');
  const fds = [openSync(output, 'w'), openSync(errors, 'w')];
  try {
    const child: ChildProcess = spawn(windowsNode()!, [pathThere(script), ...args], {
      stdio: ['ignore', ...fds],
      env: { ...process.env, ...env },
    });
    const status = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('exit', resolve);
    });
    return { status, stdout: readFileSync(output, 'utf8'), stderr: readFileSync(errors, 'utf8') };
  } finally {
    fds.forEach(closeSync);
    rmSync(folder, { recursive: true, force: true });
  }
}
