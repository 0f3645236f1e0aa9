/** The command line as its users run it: a process of its own, in a group of its own as a terminal would have it. */
import { spawn } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { builtCommand } from '../../support/built-command.ts';

/** A command that hangs ends here, and its test with it. */
const LONGEST_MS = 600_000;

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Words in front of the command: `unshare`, `setpriv` and the like. */
  readonly wrapper?: readonly string[];
  readonly input?: string;
}

export interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
  /** What a person reads: progress and errors. */
  readonly err: string;
}

export class RunningCommand {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  #out = '';
  #err = '';
  readonly #watchers = new Set<() => void>();

  constructor(args: readonly string[], options: CommandOptions = {}) {
    const { wrapper = [], env = {}, cwd, input } = options;
    const [program = '', ...rest] = [...wrapper, process.execPath, builtCommand(), ...args];
    const child = spawn(program, rest, {
      detached: true,
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1', ...env },
      ...(cwd !== undefined && { cwd }),
    });
    this.pid = child.pid ?? 0;
    child.stdin.on('error', () => undefined).end(input ?? '');
    child.stdout.setEncoding('utf8').on('data', (text: string) => this.#take(() => (this.#out += text)));
    child.stderr.setEncoding('utf8').on('data', (text: string) => this.#take(() => (this.#err += text)));
    const tooLong = setTimeout(() => child.kill('SIGKILL'), LONGEST_MS);
    this.ended = new Promise((resolve, reject) => {
      child.on('error', reject);
      child.on('close', (status, signal) => {
        clearTimeout(tooLong);
        this.#take(() => undefined);
        resolve({ status, signal, out: this.#out, err: stripVTControlCharacters(this.#err) });
      });
    });
  }

  /** Waits until a command of a step has printed a line. */
  printed(line: string): Promise<void> {
    return this.said(new RegExp(`^#\\d+ [\\d.]+ ${line}$`, 'm'));
  }

  /** Waits until there is something in what a person reads. */
  async said(pattern: RegExp): Promise<void> {
    let over = false;
    void this.ended.then(() => (over = true));
    while (!pattern.test(this.#err)) {
      if (over) throw new Error(`the command ended without saying ${String(pattern)}:\n${this.#err}`);
      await Promise.race([new Promise<void>((resolve) => this.#watchers.add(resolve)), this.ended]);
    }
  }

  /** As a terminal's Ctrl-C does it: every process of the group gets the signal. */
  signalGroup(signal: NodeJS.Signals): void {
    send(-this.pid, signal);
  }

  /** Only the command itself. */
  signal(signal: NodeJS.Signals): void {
    send(this.pid, signal);
  }

  #take(change: () => void): void {
    change();
    for (const wake of this.#watchers) wake();
    this.#watchers.clear();
  }
}

/** It may have ended already: then the moment was simply too late. */
function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
