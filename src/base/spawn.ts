/**
 * The plainest ways to run a program, for the few that every build step calls and those that need their own file
 * descriptors: execa costs 1.6 ms a call more, which twenty small steps would feel. Everything else goes through
 * process.ts.
 */
import { execFile, spawn, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { HyperfileError, systemCode } from './error.ts';

/**
 * Runs a program of the system that prints little, and waits for it.
 *
 * @returns what it wrote to standard output
 * @throws HyperfileError TOOL_MISSING when it is not on PATH, TOOL_FAILED for a status other than 0
 */
export function runQuickly(tool: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(tool, [...args], { env: withSystemFolders(process.env) }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if (systemCode(error) === 'ENOENT') reject(new HyperfileError('TOOL_MISSING', { data: { tool } }));
      else {
        const data = { tool, status: Number(error.code ?? -1), output: stderr.trim() || error.message };
        reject(new HyperfileError('TOOL_FAILED', { data, cause: error }));
      }
    });
  });
}

/** Starts a program and leaves everything else to the caller. */
export function startProcess(tool: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  return spawn(tool, [...args], options);
}

/** The programs of the administrator lie in folders that not every root has on its PATH. */
export function withSystemFolders(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return { ...env, PATH: `${env.PATH ?? '/usr/bin:/bin'}:/usr/local/sbin:/usr/sbin:/sbin` };
}
