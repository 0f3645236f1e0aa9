/**
 * The PowerShell session of a build: functions of our modules by name, one after the other, in one PowerShell that is
 * started for the first of them. When a call is cancelled or takes too long, PowerShell is ended with all it has started,
 * and the next call gets a new one; the modules keep nothing that a call could miss.
 */
import { HyperfileError } from '../../../base/error.ts';
import { ownProgram } from '../../../base/own-program.ts';
import { Call, type CallOptions, type Parameters } from './call.ts';
import { powershellEnvironment, powershellExecutable } from './executable.ts';
import type { SessionEvent } from './records.ts';
import { RunningShell } from './running-shell.ts';
import type { ShellEnd } from './shell.ts';
import type { Received } from './values.ts';

export interface SessionOptions {
  /** Manifests or modules whose functions may be called. Default: ours for Hyper-V. */
  readonly modules?: readonly string[];
  /** Default: {@link powershellExecutable}. */
  readonly executable?: string;
  /** In addition to this process's. */
  readonly env?: NodeJS.ProcessEnv;
  /** Hears what all functions say. */
  readonly onEvent?: (event: SessionEvent, functionName: string) => void;
  /** For calls that name no other. */
  readonly timeoutMs?: number;
  /** Also asks functions for their verbose stream. */
  readonly isVerbose?: boolean;
}

const DEFAULT_TIMEOUT_MS = 5 * 60_000;
const HYPERV_MODULE = 'Hyperfile.HyperV';

export class PowerShellSession {
  readonly #options: SessionOptions;
  /** The last call of the queue; never rejects. */
  #last: Promise<unknown> = Promise.resolve();
  #current: Call | undefined;
  #shell: RunningShell | undefined;
  #closing: Promise<void> | undefined;
  #calls = 0;

  constructor(options: SessionOptions = {}) {
    this.#options = options;
  }

  /** How many calls were made so far. */
  get callCount(): number {
    return this.#calls;
  }

  /**
   * Calls a function and returns all that it writes. Calls wait for each other.
   *
   * @param functionName `Get-HyperfileHost`, or `MODULE\FUNCTION` of another module
   * @throws HyperfileError INTERRUPTED, POWERSHELL_* when the session fails, else what the function's error means (errors.ts)
   */
  async call(
    functionName: string,
    parameters: Parameters = {},
    options: CallOptions = {},
  ): Promise<Received[]> {
    const onEvent = (event: SessionEvent): void => {
      this.#options.onEvent?.(event, functionName);
      options.onEvent?.(event);
    };
    const call = new Call(++this.#calls, functionName, parameters, { ...options, onEvent });
    // A call that is cancelled while it waits does not wait any longer.
    const abort = (): void => {
      if (this.#current !== call) call.fail(new HyperfileError('INTERRUPTED'));
    };
    options.signal?.addEventListener('abort', abort, { once: true });
    this.#last = this.#last.then(() => this.#run(call)).catch((error: unknown) => call.fail(error));
    try {
      call.throwIfAborted();
      return await call.result;
    } finally {
      options.signal?.removeEventListener('abort', abort);
    }
  }

  /** Ends PowerShell. Calls that run or wait reject with POWERSHELL_CLOSED. May be called twice; never fails. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #close(): Promise<void> {
    const running = this.#current;
    if (running === undefined) await this.#last;
    else running.fail(closedError(running));
    await (running === undefined ? this.#shell?.close() : this.#shell?.end());
    await this.#last;
  }

  async #run(call: Call): Promise<void> {
    if (call.isSettled) return;
    if (this.#closing !== undefined) return call.fail(closedError(call));
    call.throwIfAborted();
    this.#current = call;
    try {
      for (let lost = await this.#runOnce(call); lost !== undefined; lost = await this.#runOnce(call)) {
        if (!call.canRepeat || this.#closing !== undefined) return call.fail(lostError(call, lost));
        call.repeat();
      }
    } finally {
      this.#current = undefined;
    }
  }

  /** @returns how PowerShell ended, when it did before the call was over */
  async #runOnce(call: Call): Promise<ShellEnd | undefined> {
    const shell = await this.#startedShell(call);
    return shell.run(call, this.#options.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  }

  async #startedShell(call: Call): Promise<RunningShell> {
    if (this.#shell !== undefined && !this.#shell.hasEnded) return this.#shell;
    const { executable, env, modules, isVerbose } = this.#options;
    this.#shell = new RunningShell({
      executable: executable ?? powershellExecutable(),
      env: powershellEnvironment(env),
      modules: modules ?? [moduleFile(`${HYPERV_MODULE}.psd1`)],
      sessionModule: moduleFile('Hyperfile.Session.psd1'),
      isVerbose: isVerbose ?? false,
    });
    await this.#shell.start(call.options.signal);
    return this.#shell;
  }
}

/** A file of powershell/, among these sources or beside the bundle. */
function moduleFile(name: string): string {
  return ownProgram(import.meta.url, `../powershell/${name}`, `powershell/${name}`);
}

function closedError({ functionName }: Call): HyperfileError {
  return new HyperfileError('POWERSHELL_CLOSED', { data: { function: functionName } });
}

function lostError({ functionName }: Call, { how, lastOutput }: ShellEnd): HyperfileError {
  const output = lastOutput === '' ? '' : `: ${lastOutput}`;
  return new HyperfileError('POWERSHELL_LOST', { data: { function: functionName, how, output } });
}
