/** One call of a function on its way: what has come back of it so far, and how it ends. */
import { HyperfileError } from '../../../base/error.ts';
import { errorOf } from './errors.ts';
import type { Failure, SessionEvent, SessionRecord } from './records.ts';
import type { Received, Sendable } from './values.ts';

/** Arguments by parameter; those that are undefined are not given. */
export type Parameters = Readonly<Record<string, Sendable | undefined>>;

export interface CallOptions {
  /** Ends PowerShell when it fires while the function runs; the call rejects with INTERRUPTED. */
  readonly signal?: AbortSignal;
  /** From when the function starts. */
  readonly timeoutMs?: number;
  /** Hears what the function says, besides the session's own listener. */
  readonly onEvent?: (event: SessionEvent) => void;
  /** Hears each object as the function writes it; the call then resolves with none. */
  readonly onOutput?: (value: Received) => void;
  /** It changes nothing: when PowerShell is lost while it runs, it runs once more in a new one. */
  readonly isRepeatable?: boolean;
}

export class Call {
  readonly id: number;
  readonly functionName: string;
  readonly parameters: Parameters;
  readonly options: CallOptions;
  /** Settles with what the function wrote. */
  readonly result: Promise<Received[]>;
  #resolve!: (values: Received[]) => void;
  #reject!: (error: unknown) => void;
  #outputs: Received[] = [];
  #failure: Failure | undefined;
  #isSettled = false;
  #isRepeated = false;

  constructor(id: number, functionName: string, parameters: Parameters, options: CallOptions) {
    [this.id, this.functionName, this.parameters, this.options] = [id, functionName, parameters, options];
    this.result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever made the call hears of its failure; it may look later.
    this.result.catch(() => undefined);
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Whether it may run once more: it changes nothing, and nobody has heard of what it wrote. */
  get canRepeat(): boolean {
    return this.options.isRepeatable === true && this.options.onOutput === undefined && !this.#isRepeated;
  }

  /** Forgets what came, before it runs again. */
  repeat(): void {
    this.#isRepeated = true;
    this.#outputs = [];
    this.#failure = undefined;
  }

  take(record: SessionRecord): void {
    if (record.kind === 'event') this.options.onEvent?.(record.event);
    else if (record.kind === 'output') this.#takeOutput(record.value);
    else if (record.kind === 'error') this.#failure ??= record.failure;
    else if (record.kind === 'end') this.#end(record.failure ?? this.#failure);
  }

  #takeOutput(value: Received): void {
    if (this.options.onOutput) this.options.onOutput(value);
    else this.#outputs.push(value);
  }

  /** An error that ended nothing is a failure all the same: no function of ours goes on after one. */
  #end(failure: Failure | undefined): void {
    if (failure) return this.fail(errorOf(failure, this.functionName));
    this.#isSettled = true;
    this.#resolve(this.#outputs);
  }

  fail(error: unknown): void {
    this.#isSettled = true;
    this.#reject(error);
  }

  /** @throws HyperfileError INTERRUPTED */
  throwIfAborted(): void {
    if (this.options.signal?.aborted) throw new HyperfileError('INTERRUPTED');
  }
}
