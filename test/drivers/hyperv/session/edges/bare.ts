/**
 * The bare library, node-powershell without our session around it: the half of each edge that shows where it hangs or lies.
 * What it prints its delimiters with is made the same on all systems, so that it hangs for the reason under test and for
 * no other.
 */
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { PowerShell } from 'node-powershell';
import { vi } from 'vitest';
import { powershellEnvironment } from '../../../../../src/drivers/hyperv/session/executable.ts';
import { powershellEngine, POWERSHELL_ENVIRONMENT } from '../../../../support/powershell/engine.ts';

/** Long enough for an answer that is on its way. */
export const MOMENT_MS = 1000;

/** Has the console end its lines in one way: by these character codes. */
export function newLineCommand(...codes: number[]): string {
  const text = codes.map((code) => `[string] [char] ${code}`).join(' + ');
  return `[Console]::Out.NewLine = ${text}; [Console]::Error.NewLine = ${text}`;
}

/** What the library keeps to itself. */
interface Inside {
  readonly streams: { readonly stdin: NodeJS.WritableStream; readonly stdout: NodeJS.ReadableStream };
  readonly invocationQueue: { readonly pending: number };
}

const inside = (shell: PowerShell): Inside => shell as unknown as Inside;

/** Without it the library may wait for ever for any answer on Windows, whose lines end with CR LF. */
export const LF_COMMAND = newLineCommand(10);

/** The environment of PowerShells in tests, with more in it. */
export function bareEnvironment(more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  return powershellEnvironment({ ...POWERSHELL_ENVIRONMENT, ...more });
}

/** One that is known to run. */
export async function bareShell(options: object = {}): Promise<PowerShell> {
  const { executable } = await powershellEngine();
  vi.stubEnv('NODE_POWERSHELL', executable);
  const shell = new PowerShell({
    executableOptions: { '-NoProfile': true, '-NonInteractive': true },
    spawnOptions: { env: bareEnvironment(), windowsHide: true },
    ...options,
  });
  vi.unstubAllEnvs();
  const { stdout } = inside(shell).streams;
  let heard = '';
  await new Promise<void>((resolve) => {
    const hear = (text: string): void => {
      heard += text;
      if (!heard.includes('started')) return;
      stdout.off('data', hear);
      resolve();
    };
    stdout.on('data', hear);
    send(shell, `${LF_COMMAND}; [Console]::Out.WriteLine('started')`);
  });
  return shell;
}

/** Has PowerShell run a line that the library does not know of, and so cannot lose the answer to. */
export function send(shell: PowerShell, line: string): void {
  inside(shell).streams.stdin.write(`${line}\n`);
}

/** Whether a command is still unanswered. */
export function isBusy(shell: PowerShell): boolean {
  return inside(shell).invocationQueue.pending > 0;
}

export async function endBare(shell: PowerShell): Promise<void> {
  await shell.dispose('SIGKILL').catch(() => undefined);
}

export async function hangs(promise: Promise<unknown>): Promise<boolean> {
  const answered = promise.then(
    () => false,
    () => false,
  );
  return Promise.race([answered, sleep(MOMENT_MS, true)]);
}

/** How a promise ends, as `resolved` or the error's name and message. */
export function ending(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'resolved',
    (error: Error) => `${error.name}: ${error.message}`,
  );
}

/** Reads nothing until PowerShell has written the whole of its answer, which then comes in one chunk. */
export async function lookAway(): Promise<void> {
  await nextTurn();
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
}

/** Whether one of some commands is never answered. One whose answer came in several chunks after all proves nothing. */
export async function losesDelimiters(shell: PowerShell): Promise<boolean> {
  for (let time = 0; time < 20; time++) {
    const call = shell.invoke('1');
    call.catch(() => undefined);
    await lookAway();
    if (await hangs(call)) return true;
  }
  return false;
}

/** A few commands that must all be answered, in one chunk or not; the test's own time limit ends it otherwise. */
export async function losesNoDelimiters(shell: PowerShell): Promise<void> {
  for (let time = 0; time < 4; time++) {
    const call = shell.invoke('1');
    await lookAway();
    await call;
  }
}

/** A text as PowerShell takes it literally. */
export function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
