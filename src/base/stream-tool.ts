/** A program of the system whose output is read while it runs. */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { HyperfileError, systemCode } from './error.ts';
import { isOnWindows } from './host-platform.ts';
import { missingTool } from './missing-tool.ts';

export interface StreamedTool {
  readonly stdout: Readable;
  /**
   * Settles when the program has ended.
   *
   * @throws HyperfileError TOOL_MISSING, TOOL_FAILED with the end of what it wrote to standard error, INTERRUPTED.
   */
  readonly finished: Promise<void>;
  /** Ends the program and all it started, when what reads it has failed. */
  stop(): void;
}

export interface StreamOptions {
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** Receives each line of standard error. */
  readonly onLine?: (line: string) => void;
  readonly input?: Readable;
}

const STDERR_CHARACTERS_KEPT = 4000;

/** Starts a program in a process group of its own, so that whatever it starts ends with it. */
export function streamTool(tool: string, args: readonly string[], options: StreamOptions = {}): StreamedTool {
  const { env, signal, onLine, input } = options;
  const child = spawn(tool, args, {
    stdio: [input ? 'pipe' : 'ignore', 'pipe', 'pipe'],
    // Windows would give it a console of its own.
    detached: !isOnWindows(),
    windowsHide: true,
    ...(env && { env }),
  });
  const stop = (): void => {
    if (child.pid !== undefined && child.exitCode === null) killGroup(child.pid);
  };
  let stderr = '';
  let openLine = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-STDERR_CHARACTERS_KEPT);
    const lines = (openLine + text).split('\n');
    openLine = lines.pop()!;
    for (const line of lines) onLine?.(line);
  });
  if (input) input.on('error', stop).pipe(child.stdin!.on('error', () => undefined));
  signal?.addEventListener('abort', stop);
  const finished = new Promise<void>((resolve, reject) => {
    child.on('error', (error) => {
      const missing = systemCode(error) === 'ENOENT';
      reject(missing ? missingTool(tool, error) : error);
    });
    child.on('close', (status) => {
      signal?.removeEventListener('abort', stop);
      if (signal?.aborted) reject(new HyperfileError('INTERRUPTED'));
      else if (status === 0) resolve();
      else
        reject(
          new HyperfileError('TOOL_FAILED', { data: { tool, status: status ?? -1, output: stderr.trim() } }),
        );
    });
  });
  finished.catch(() => undefined);
  return { stdout: child.stdout!, finished, stop };
}

function killGroup(pid: number): void {
  // There are no groups on Windows.
  if (isOnWindows())
    return void import('./process-tree.ts').then(({ endProcessTree }) => endProcessTree(pid));
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It ended on its own meanwhile.
  }
}
