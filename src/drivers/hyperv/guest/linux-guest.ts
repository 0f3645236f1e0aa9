/** A Linux guest over SSH. Commands run as root, or as the user that the recipe names; the guest needs sh, dd, setsid and, for some, unshare. */
import { randomBytes } from 'node:crypto';
import { HyperfileError, isHyperfileError } from '../../../base/error.ts';
import { resolveUser } from '../../../fs/guest-user.ts';
import type { CommandIo, CommandResult, GuestCommand } from '../../driver.ts';
import type { Guest } from './guest.ts';
import { MarkedStream } from './marked-stream.ts';
import { SshFiles } from './ssh-files.ts';
import { commandScript, type ShellCommand } from './shell-script.ts';
import type { Ssh } from './ssh.ts';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** How long a guest may take to end a command that was cancelled. */
const CANCEL_MS = 10_000;
const SAID_CHARACTERS = 500;

export class LinuxGuest implements Guest {
  readonly files: SshFiles;
  readonly #ssh: Ssh;

  constructor(ssh: Ssh) {
    this.#ssh = ssh;
    this.files = new SshFiles(ssh);
  }

  async run(command: GuestCommand, io: CommandIo): Promise<CommandResult> {
    if (io.signal?.aborted) throw new HyperfileError('INTERRUPTED');
    const mark = randomBytes(16).toString('hex');
    const script = commandScript(await this.#shellCommand(command), mark);
    const running = new RunningCommand(mark, io);
    try {
      await this.#ssh.run({
        script,
        input: command.stdin ?? '',
        onStdout: (chunk) => running.stdout.push(chunk),
        onStderr: (chunk) => running.stderr.push(chunk),
        signal: running.over,
      });
    } catch (error) {
      if (!running.isComplete && running.pid !== undefined) await this.#end(running.pid);
      if (!running.isComplete || !isHyperfileError(error, 'INTERRUPTED')) throw error;
    } finally {
      running.forget();
    }
    if (running.lacks !== undefined) {
      const what = 'run a command without its network';
      throw new HyperfileError('HYPERV_GUEST_UNSHARE', { data: { what, message: running.lacks } });
    }
    if (running.status !== undefined) return { status: running.status };
    throw new HyperfileError('HYPERV_GUEST_LOST', { data: { message: running.lastWords } });
  }

  // eslint-disable-next-line @typescript-eslint/require-await
  async close(): Promise<void> {
    this.#ssh.close();
  }

  async #shellCommand({ argv, env, workdir, user, network }: GuestCommand): Promise<ShellCommand> {
    const isRoot = ['', 'root', '0'].includes(user);
    const known = isRoot ? undefined : await resolveUser(user, this.files);
    const surroundings = { PATH: DEFAULT_PATH, HOME: known?.home ?? '/root', ...env };
    return { argv, env: surroundings, workdir, isOffline: network === 'none', ...(known && { user: known }) };
  }

  /** All that a command has started, unless it cut itself loose. A guest that hangs is left to it. */
  async #end(pid: string): Promise<void> {
    const script = `kill -KILL -${pid}`;
    await this.#ssh.run({ script, signal: AbortSignal.timeout(CANCEL_MS) }).catch(() => undefined);
  }
}

/** What has been heard of a command. */
class RunningCommand {
  readonly stdout: MarkedStream;
  readonly stderr: MarkedStream;
  pid: string | undefined;
  status: number | undefined;
  /** Why the guest has not run it. */
  lacks: string | undefined;
  readonly #over = new AbortController();
  readonly #cancelled: AbortSignal | undefined;
  #late: NodeJS.Timeout | undefined;
  #hasEnded = false;
  #said = '';

  constructor(mark: string, { onOutput, signal }: CommandIo) {
    const onRecord = (record: string): void => this.#take(record);
    this.stdout = new MarkedStream(mark, { onText: (chunk) => onOutput('stdout', chunk), onRecord });
    const onText = (chunk: Buffer): void | Promise<void> => {
      this.#said = (this.#said + chunk.toString()).slice(-SAID_CHARACTERS);
      return onOutput('stderr', chunk);
    };
    this.stderr = new MarkedStream(mark, { onText, onRecord });
    this.#cancelled = signal;
    signal?.addEventListener('abort', this.#cancel, { once: true });
  }

  /** Fires when the connection is needed no more: both streams are complete, or it is known whom to end. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Whatever the command has left behind may hold its streams. */
  get isComplete(): boolean {
    return this.status !== undefined && this.#hasEnded;
  }

  /** Also ssh's own, when that was the end. */
  get lastWords(): string {
    return this.#said.trim() || 'SSH has ended';
  }

  forget(): void {
    clearTimeout(this.#late);
    this.#cancelled?.removeEventListener('abort', this.#cancel);
  }

  #take(record: string): void {
    const [, kind, value = '', ...more] = record.split(' ');
    if (kind === 'pid') this.pid = value;
    else if (kind === 'status') this.status = Number(value);
    else if (kind === 'lacks') this.lacks = [value, ...more].join(' ').trim();
    else this.#hasEnded = true;
    if (this.isComplete || this.#cancelled?.aborted) this.#over.abort();
  }

  readonly #cancel = (): void => {
    if (this.pid !== undefined) this.#over.abort();
    else this.#late = setTimeout(() => this.#over.abort(), CANCEL_MS);
  };
}
