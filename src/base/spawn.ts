/**
 * The plainest ways to run a program, for the few that every build step calls and those that need their own file
 * descriptors: execa costs 1.6 ms a call more, which twenty small steps would feel. Everything else goes through
 * process.ts.
 */
import { spawn, spawnSync, type ChildProcess, type SpawnOptions } from 'node:child_process';
import { HyperfileError, systemCode } from './error.ts';
import { isOnWindows } from './host-platform.ts';
import { missingTool } from './missing-tool.ts';

/**
 * Runs a program of the system that prints little, and waits for it. It is not in the group of processes that a
 * terminal's Ctrl-C goes to: what mounts and unmounts must come to its end, so that it is known what was done.
 *
 * @returns what it wrote to standard output
 * @throws HyperfileError TOOL_MISSING when it is not on PATH, TOOL_FAILED for a status other than 0
 */
export function runQuickly(tool: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(tool, [...args], {
      detached: !isOnWindows(),
      windowsHide: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: withSystemFolders(process.env),
    });
    const said = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
    child.on('error', (error) => {
      const isMissing = systemCode(error) === 'ENOENT';
      reject(isMissing ? missingTool(tool) : error);
    });
    child.on('close', (status, signal) => {
      if (status === 0) return resolve(said.stdout);
      const output = said.stderr.trim() || (signal === null ? '' : `ended by ${signal}`);
      reject(new HyperfileError('TOOL_FAILED', { data: { tool, status: status ?? -1, output } }));
    });
  });
}

/**
 * Reads one extended attribute of a file, of a link itself; undefined when it has none.
 *
 * @throws HyperfileError TOOL_MISSING without getfattr(1)
 */
export function readAttribute(hostPath: string, name: string): Buffer | undefined {
  const args = ['-h', '-n', name, '-e', 'hex', '--only-values', '--absolute-names', '--', hostPath];
  const { error, status, stdout } = spawnSync('getfattr', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  if (error) throw systemCode(error) === 'ENOENT' ? missingTool('getfattr') : error;
  return status === 0 ? stdout : undefined;
}

/** Starts a program and leaves everything else to the caller. */
export function startProcess(tool: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  return spawn(tool, [...args], options);
}

/** The programs of the administrator lie in folders that not every root has on its PATH. Windows has no such folders. */
export function withSystemFolders(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  if (isOnWindows()) return env;
  return { ...env, PATH: `${env.PATH ?? '/usr/bin:/bin'}:/usr/local/sbin:/usr/sbin:/sbin` };
}
