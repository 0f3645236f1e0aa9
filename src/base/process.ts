/** Every program of the system is started through here. */
import { HyperfileError, systemCode } from './error.ts';
import { findWindowsProgram } from './find-program.ts';
import { hostSystem, isOnWindows } from './host-platform.ts';
import { missingTool } from './missing-tool.ts';

export interface ToolOptions {
  readonly input?: string | Uint8Array;
  readonly env?: NodeJS.ProcessEnv;
  readonly cwd?: string;
  /** Ends the program when it fires; the call then throws INTERRUPTED. */
  readonly signal?: AbortSignal;
  /** For what may take long: on Linux the kernel ends the program with this process, even when that is killed. */
  readonly endsWithUs?: boolean;
  /** Hears at once what the program prints; that is then not part of the result. */
  readonly onStdout?: (text: string) => void;
  /** Exit statuses that are answers, not failures. Default: only 0. */
  readonly accept?: readonly number[];
}

export interface ToolResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number;
}

const OUTPUT_CHARACTERS_IN_ERRORS = 2000;
const DEATH_SIGNAL = ['setpriv', '--pdeathsig', 'KILL', '--'] as const;
/** What setpriv ends with when there is no such program. */
const NOT_FOUND = 127;

/**
 * Runs a program of the system to its end and returns what it printed (UTF-8).
 *
 * @throws HyperfileError TOOL_MISSING when it is not on PATH, TOOL_FAILED for a status not accepted,
 *   INTERRUPTED when the signal fired.
 */
export async function runTool(
  tool: string,
  args: readonly string[],
  options: ToolOptions = {},
): Promise<ToolResult> {
  const { execa } = await import('execa');
  const isTied = options.endsWithUs === true && hostSystem() === 'linux';
  const file = isOnWindows() ? findWindowsProgram(tool, { ...process.env, ...options.env }) : tool;
  if (file === undefined) throw missingTool(tool);
  const [program, ...words] = isTied ? [...DEATH_SIGNAL, tool, ...args] : [file, ...args];
  const { onStdout } = options;
  const running = execa(program, words, {
    reject: false,
    stripFinalNewline: false,
    // A terminal's Ctrl-C is for this process, which ends the program through the signal.
    detached: !isOnWindows(),
    windowsHide: true,
    // What is no .exe runs in cmd.exe, which leaves it behind.
    killDescendants: isOnWindows(),
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.env && { env: options.env }),
    ...(options.cwd && { cwd: options.cwd }),
    ...(options.signal && { cancelSignal: options.signal }),
    ...(onStdout && { buffer: { stdout: false } }),
  });
  if (onStdout) running.stdout.setEncoding('utf8').on('data', onStdout);
  const result = await running;
  if (result.isCanceled) throw new HyperfileError('INTERRUPTED');
  if (systemCode(result.cause) === 'ENOENT') throw missingTool(program);
  const status = result.exitCode ?? -1;
  if (isTied && status === NOT_FOUND) throw missingTool(tool);
  if (!(options.accept ?? [0]).includes(status)) {
    const output = (result.stderr.trim() || result.stdout?.trim() || result.shortMessage || '').slice(
      -OUTPUT_CHARACTERS_IN_ERRORS,
    );
    throw new HyperfileError('TOOL_FAILED', { data: { tool, status, output }, cause: result.cause });
  }
  return { stdout: result.stdout ?? '', stderr: result.stderr, status };
}
