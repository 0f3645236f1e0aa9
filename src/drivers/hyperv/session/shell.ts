/**
 * The one place that knows node-powershell, and where it hangs or lies. The library starts PowerShell, writes commands
 * to it and says when one has ended; what comes back is read here, so that:
 *
 * - **Its delimiters cannot get lost.** It overlooks one that shares a chunk with what is printed after it. Ours are
 *   frames with nothing behind them, taken out of the output and handed to it one by one.
 * - **Output is ours.** It takes any byte on standard error for failure and keeps every result in its history; the
 *   streams it reads have delimiters in them and nothing else.
 * - **An end is an end.** It takes `exit 0`, SIGTERM and its own `dispose()` for success of the running command and
 *   leaves what waits behind it for ever. Whether a command was answered is for the caller to see; that PowerShell has
 *   ended is told by {@link Shell.ended}, at once.
 * - **Stopping stops.** Its time-outs cancel nothing and `dispose()` leaves the programs that PowerShell started; here
 *   all of them are ended, and nothing is waited for longer than a moment.
 * - **Nothing is unhandled.** Its promise of the end rejects with nobody listening, and it hears only the first error of
 *   a pipe.
 * - **A command is one line.** It must be: one that is not complete, or has several lines, never ends.
 * - **Nothing is shown.** With DEBUG set it prints every command with its arguments.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { PassThrough, type Readable, type Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChildProcess } from 'node:child_process';
import { PowerShell } from 'node-powershell';
import { endProcessTree } from '../../../base/process-tree.ts';
import { delimiterCommand, FrameReader } from './frames.ts';

export interface ShellOptions {
  readonly executable: string;
  readonly env: NodeJS.ProcessEnv;
  /** Hears every record that the other side writes. */
  readonly onRecord: (json: string) => void;
}

/** How PowerShell ended. */
export interface ShellEnd {
  /** `with exit code 3`, `by SIGKILL`, `before it started: ENOENT`. */
  readonly how: string;
  /** The system's code when it could not be started. */
  readonly startError: string | undefined;
  /** The last of what it and its programs printed, out and error. */
  readonly lastOutput: string;
}

/** How long the pipes of a PowerShell that has ended may still hold something. */
const LAST_OUTPUT_MS = 500;
/** How long one may take to end that was told so. */
const END_MS = 5000;
/** How long the next command waits for delimiters after an answer, before they are asked for again. */
const DELIMITERS_MS = 2000;
const LAST_OUTPUT_CHARACTERS = 2000;

/** What the library keeps to itself. */
interface Inside {
  readonly process: ChildProcess;
  readonly exitPromise: Promise<void>;
  readonly history: unknown[];
  streams: { readonly stdin: Writable; readonly stdout: Readable; readonly stderr: Readable };
}

/** The library with our executable and our delimiters, and without its log. */
class FramedPowerShell extends PowerShell {
  readonly mark = randomBytes(12).toString('hex');
  lastDelimiter = '';

  protected override setExecutable({ executable }: { executable?: string }): string {
    return executable ?? '';
  }

  protected override writeToOutput(delimiter: string): string {
    this.lastDelimiter = delimiter;
    return delimiterCommand('Out', this.mark, delimiter);
  }

  protected override writeToError(delimiter: string): string {
    return delimiterCommand('Error', this.mark, delimiter);
  }
}

const silence = (): void => undefined;
Object.defineProperty(FramedPowerShell.prototype, 'setDebuggers', {
  value: () => ({ comment: silence, command: silence, output: silence }),
});

export class Shell {
  /** Marks the frames that belong to this PowerShell. */
  readonly mark: string;
  /** Settles when it has ended, for whatever reason. */
  readonly ended: Promise<ShellEnd>;
  readonly #library: FramedPowerShell;
  readonly #inside: Inside;
  readonly #standardInput: Writable;
  #running: Promise<void> = Promise.resolve();
  #lastOutput = '';

  /** Starts PowerShell; when that fails, {@link ended} says so. */
  constructor(options: ShellOptions) {
    this.#library = new FramedPowerShell({
      executable: options.executable,
      executableOptions: { '-NoProfile': true, '-NonInteractive': true, '-ExecutionPolicy': 'Bypass' },
      // A console of its own: neither Ctrl-C nor its code page are shared with the user's.
      spawnOptions: { env: options.env, windowsHide: true },
    });
    this.mark = this.#library.mark;
    this.#inside = this.#library as unknown as Inside;
    this.#standardInput = this.#inside.streams.stdin;
    // What was written to a PowerShell that is gone is of no interest: `ended` tells.
    this.#standardInput.on('error', silence);
    this.#inside.exitPromise.catch(silence);
    this.#readStreams(options.onRecord);
    this.ended = this.#awaitEnd();
  }

  /** Known before {@link ended} settles, which also waits for the last output. */
  get hasEnded(): boolean {
    const { pid, exitCode, signalCode } = this.#inside.process;
    return pid === undefined || exitCode !== null || signalCode !== null;
  }

  /** Reads what comes out, and gives the library streams with only delimiters in them. */
  #readStreams(onRecord: (json: string) => void): void {
    const { stdin, ...outputs } = this.#inside.streams;
    const fed = { stdout: new PassThrough(), stderr: new PassThrough() };
    for (const name of ['stdout', 'stderr'] as const) {
      const frames = new FrameReader(this.mark, {
        onRecord,
        onDelimiter: (delimiter) => fed[name].write(delimiter),
        onText: (text) => this.#remember(text),
      });
      outputs[name].unpipe();
      outputs[name].on('error', silence);
      outputs[name].on('data', (chunk: string) => frames.push(chunk)).resume();
    }
    this.#inside.streams = { stdin, ...fed };
  }

  #remember(text: string): void {
    this.#lastOutput = (this.#lastOutput + text).slice(-LAST_OUTPUT_CHARACTERS);
  }

  async #awaitEnd(): Promise<ShellEnd> {
    const child = this.#inside.process;
    const closed = once(child, 'close').catch(silence);
    const end = await once(child, 'exit').then(
      ([code, signal]: unknown[]) => ({
        how: typeof signal === 'string' ? `by ${signal}` : `with exit code ${String(code)}`,
        startError: undefined,
      }),
      (error: NodeJS.ErrnoException) => ({
        how: `before it started: ${error.code ?? error.message}`,
        startError: error.code,
      }),
    );
    // A program that it started may hold the pipes for as long as it likes.
    if (end.startError === undefined) await within(LAST_OUTPUT_MS, closed);
    for (const stream of child.stdio) stream?.destroy();
    return { ...end, lastOutput: this.#lastOutput.trim() };
  }

  /**
   * Has PowerShell run a line. Settles when it has come to the line's end, or has ended; commands wait for each other.
   */
  async run(line: string): Promise<void> {
    if (/[\r\n\uFEFF]/.test(line)) throw new Error('a command of PowerShell is one line');
    const running = this.#library.invoke(line).then(silence, silence);
    this.#running = running.finally(() => (this.#inside.history.length = 0));
    await Promise.race([this.#running, this.ended]);
    if (this.hasEnded) await this.ended;
  }

  /**
   * For after the answer to a command: waits until the next may be sent. A program that took the delimiters' lines for
   * its own input leaves PowerShell without them; they are sent once more, and if that does not help, it is ended.
   */
  async settle(): Promise<void> {
    if (await this.#isSettledWithin(DELIMITERS_MS)) return;
    for (const stream of ['Error', 'Out'] as const)
      this.#standardInput.write(`${delimiterCommand(stream, this.mark, this.#library.lastDelimiter)}\n`);
    if (!(await this.#isSettledWithin(DELIMITERS_MS))) await this.end();
  }

  async #isSettledWithin(milliseconds: number): Promise<boolean> {
    const settled = Promise.race([this.#running, this.ended]).then(() => true);
    return (await within(milliseconds, settled)) ?? false;
  }

  /** Lets an idle PowerShell end by itself, and ends one that does not. */
  async close(): Promise<ShellEnd> {
    this.#standardInput.end();
    const end = await within(END_MS, this.ended);
    return end ?? this.end();
  }

  /** Ends PowerShell and what it has started, whatever they are doing. */
  async end(): Promise<ShellEnd> {
    const { pid } = this.#inside.process;
    if (!this.hasEnded && pid !== undefined) await endProcessTree(pid);
    return this.ended;
  }
}

/** What a promise resolves to, or undefined when it takes longer. */
async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined> {
  const waiting = new AbortController();
  const late = sleep(milliseconds, undefined, { signal: waiting.signal }).catch(silence);
  try {
    return (await Promise.race([promise, late])) ?? undefined;
  } finally {
    waiting.abort();
  }
}
