/** One PowerShell with our modules in it: how it is made ready, and how a call in it comes to an end. */
import { HyperfileError } from '../../../base/error.ts';
import type { Call } from './call.ts';
import { parseRecord, type About, type Failure, type SessionRecord } from './records.ts';
import { Shell, type ShellEnd } from './shell.ts';
import { encodeValue, newKey, toBase64, type Sendable } from './values.ts';

export interface RunningShellOptions {
  readonly executable: string;
  readonly env: NodeJS.ProcessEnv;
  /** The manifest of the module that takes calls. */
  readonly sessionModule: string;
  /** Manifests or modules whose functions may be called. */
  readonly modules: readonly string[];
  readonly isVerbose: boolean;
}

/** A busy host loads PowerShell and the Hyper-V module in tens of seconds. */
const START_MS = 120_000;

/** How the key of secrets gets there; taken out of the environment again at the start. */
const KEY_VARIABLE = 'HYPERFILE_SESSION_KEY';

/** What a line of PowerShell can come to. */
type Outcome = 'answered' | 'passed' | 'late' | 'aborted';

export class RunningShell {
  readonly #options: RunningShellOptions;
  readonly #shell: Shell;
  readonly #key = newKey();
  #hear: (record: SessionRecord) => void = () => undefined;

  /** Starts PowerShell; {@link start} makes it ready. */
  constructor(options: RunningShellOptions) {
    this.#options = options;
    const { executable, env } = options;
    this.#shell = new Shell({
      executable,
      env: { ...env, [KEY_VARIABLE]: this.#key.toString('base64') },
      onRecord: (json) => this.#read(json),
    });
  }

  /** A record that is damaged is none; that it is missing will be noticed. */
  #read(json: string): void {
    let record;
    try {
      record = parseRecord(json);
    } catch {
      return;
    }
    this.#hear(record);
  }

  get hasEnded(): boolean {
    return this.#shell.hasEnded;
  }

  /**
   * Loads the modules.
   *
   * @throws HyperfileError POWERSHELL_MISSING, POWERSHELL_NOT_READY, INTERRUPTED; PowerShell has ended then
   */
  async start(signal?: AbortSignal): Promise<About> {
    let about: About | undefined;
    let failure: Failure | undefined;
    const answered = new Promise<void>((resolve) => {
      this.#hear = (record) => {
        if (record.kind === 'ready') about = record.about;
        else if (record.kind === 'end') failure = record.failure;
        resolve();
      };
    });
    const outcome = await this.#outcome(this.#startLine(), { answered, timeoutMs: START_MS, signal });
    if (outcome === 'answered' && about !== undefined) {
      await this.#shell.settle();
      if (!this.hasEnded) return about;
    }
    const { startError, how, lastOutput } = await this.#shell.end();
    if (outcome === 'aborted') throw new HyperfileError('INTERRUPTED');
    const { executable } = this.#options;
    if (startError !== undefined)
      throw new HyperfileError('POWERSHELL_MISSING', { data: { executable, reason: startError } });
    const why = outcome === 'late' ? `it took longer than ${START_MS / 1000} s` : `it ended ${how}`;
    const reason = failure?.message ?? (lastOutput || why);
    throw new HyperfileError('POWERSHELL_NOT_READY', { data: { reason, executable, how, ...failure } });
  }

  /** Paths cross in base64 here, too. */
  #startLine(): string {
    const { sessionModule, modules } = this.#options;
    const settings: Sendable = {
      mark: this.#shell.mark,
      owner: process.pid,
      modules,
    };
    const decode = (text: string): string =>
      `[System.Text.Encoding]::UTF8.GetString([System.Convert]::FromBase64String('${toBase64(text)}'))`;
    const name = `([System.Management.Automation.WildcardPattern]::Escape(${decode(sessionModule)}))`;
    const start = `Start-HyperfileSession -Settings '${toBase64(encodeValue(settings, this.#key))}'`;
    return `Microsoft.PowerShell.Core\\Import-Module -ErrorAction Stop -Name ${name}; ${start}`;
  }

  /**
   * Runs a call to its end, whatever that is.
   *
   * @returns how PowerShell ended, when it did so under the call, which is not settled then
   */
  async run(call: Call, defaultTimeoutMs: number): Promise<ShellEnd | undefined> {
    this.#hear = (record) => {
      if ('id' in record && record.id === call.id && !call.isSettled) call.take(record);
    };
    const { signal, timeoutMs = defaultTimeoutMs } = call.options;
    const answered = call.result.then(
      () => undefined,
      () => undefined,
    );
    const outcome = await this.#outcome(this.#callLine(call), { answered, timeoutMs, signal });
    if (call.isSettled) await this.#shell.settle();
    else if (outcome === 'passed') return this.#passed(call);
    else {
      await this.#shell.end();
      call.fail(outcome === 'late' ? tooLate(call, timeoutMs) : new HyperfileError('INTERRUPTED'));
    }
    return undefined;
  }

  #callLine(call: Call): string {
    const { id, functionName, parameters } = call;
    const command = functionName.includes('\\') ? functionName : `Hyperfile.HyperV\\${functionName}`;
    const message = { id, command, parameters, verbose: this.#options.isVerbose };
    return `Invoke-HyperfileCall -Call '${toBase64(encodeValue(message, this.#key))}'`;
  }

  /** PowerShell went on to the next line without an answer, or has ended. */
  async #passed(call: Call): Promise<ShellEnd | undefined> {
    const hadEnded = this.#shell.hasEnded;
    const end = await this.#shell.end();
    if (hadEnded) return end;
    const output = end.lastOutput === '' ? '' : `: ${end.lastOutput}`;
    call.fail(new HyperfileError('POWERSHELL_UNANSWERED', { data: { function: call.functionName, output } }));
    return undefined;
  }

  async #outcome(line: string, until: Until): Promise<Outcome> {
    const { answered, timeoutMs, signal } = until;
    const waiting = new AbortController();
    const heard = (target: AbortSignal): Promise<void> =>
      new Promise((resolve) =>
        target.addEventListener('abort', () => resolve(), { once: true, signal: waiting.signal }),
      );
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<Outcome>((resolve) => {
      timer = setTimeout(resolve, timeoutMs, 'late');
    });
    try {
      if (signal?.aborted) return 'aborted';
      return await Promise.race([
        answered.then((): Outcome => 'answered'),
        this.#shell.run(line).then((): Outcome => 'passed'),
        late,
        ...(signal ? [heard(signal).then((): Outcome => 'aborted')] : []),
      ]);
    } finally {
      clearTimeout(timer);
      waiting.abort();
    }
  }

  close(): Promise<ShellEnd> {
    return this.#shell.close();
  }

  end(): Promise<ShellEnd> {
    return this.#shell.end();
  }
}

function tooLate({ functionName }: Call, timeoutMs: number): HyperfileError {
  return new HyperfileError('POWERSHELL_TIMEOUT', {
    data: { function: functionName, seconds: timeoutMs / 1000 },
  });
}

interface Until {
  readonly answered: Promise<void>;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}
