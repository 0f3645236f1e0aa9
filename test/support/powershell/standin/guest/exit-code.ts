/**
 * Exit codes of the stand-in's guests have 32 bits, as Windows' have; those of this system have eight. A program that
 * ends with a wider one leaves it in a file beside, where those find it that ask for it.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** The environment variable that names the folder of these files; each is called as the process it belongs to. */
export const EXIT_CODES = 'HYPERV_GUEST_EXIT_CODES';

/** What this system is told instead: the lowest eight bits, but never that all went well. */
export function narrowExitCode(code: number): number {
  return code === 0 ? 0 : code & 0xff || 1;
}

/** Says with what this process will end. */
export function leaveExitCode(code: number): void {
  const file = fileOf(process.pid);
  if (narrowExitCode(code) === code) rmSync(file, { force: true });
  else writeFileSync(file, String(code));
  process.exitCode = narrowExitCode(code);
}

/** The exit code of a process of which this system says that it ended with `narrow`. */
export function exitCodeOf(pid: number, narrow: number): number {
  try {
    const code = Number(readFileSync(fileOf(pid), 'utf8'));
    // Else it is one of an earlier process with the same number.
    return narrowExitCode(code) === narrow ? code : narrow;
  } catch {
    return narrow;
  }
}

function fileOf(pid: number): string {
  return path.join(process.env[EXIT_CODES] ?? '/nonexistent', String(pid));
}
