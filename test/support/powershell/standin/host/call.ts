/** One call of a cmdlet, as it came from PowerShell, and the ways to answer it. */
import path from 'node:path';
import { invalidValue, notInContract } from './errors.ts';

/** What a cmdlet writes: a plain value, or an object whose `$type` is the name of its class (module/types.ts). */
export type Output = string | number | boolean | null | TypedObject | readonly Output[];
export interface TypedObject {
  readonly $type: string;
  readonly [property: string]: unknown;
}

export interface CallRequest {
  readonly cmdlet: string;
  /** The parameter set that was chosen. */
  readonly set: string;
  /** Where relative paths start. */
  readonly location: string;
  readonly parameters: Readonly<Record<string, unknown>>;
}

export interface CallReply {
  output(value: Output): void;
  error(error: unknown): void;
  warning(text: string): void;
  progress(activity: string, status: string, percent: number): void;
}

/** Parameters that every cmdlet has and that only mean something with more than one host. */
const REMOTE = ['CimSession', 'ComputerName', 'Credential', 'AsJob'];

export class Call {
  readonly cmdlet: string;
  readonly set: string;
  /** Fires when the caller is gone or has given up. */
  readonly signal: AbortSignal;
  readonly reply: CallReply;
  readonly #request: CallRequest;
  /** What nobody has asked for is what the stand-in does not know. */
  readonly #unread: Set<string>;

  constructor(request: CallRequest, reply: CallReply, signal: AbortSignal) {
    this.#request = request;
    [this.cmdlet, this.set, this.reply, this.signal] = [request.cmdlet, request.set, reply, signal];
    this.#unread = new Set(Object.keys(request.parameters));
  }

  output(value: Output): void {
    this.reply.output(value);
  }

  /** Undefined when it was not given. */
  get(name: string): unknown {
    this.#unread.delete(name);
    return this.#request.parameters[name] ?? undefined;
  }

  text(name: string): string | undefined {
    return this.get(name) as string | undefined;
  }

  number(name: string): number | undefined {
    return this.get(name) as number | undefined;
  }

  flag(name: string): boolean | undefined {
    return this.get(name) as boolean | undefined;
  }

  list<T = string>(name: string): T[] {
    const value = this.get(name);
    return (value === undefined ? [] : Array.isArray(value) ? value : [value]) as T[];
  }

  /** Absolute. Hyper-V takes paths as they are: no wildcards. */
  path(text: string): string {
    if (text === '') throw invalidValue('an empty path');
    return path.resolve(this.#request.location, text);
  }

  paths(name: string): string[] {
    return this.list(name).map((text) => this.path(text));
  }

  /** @throws StandInError when a parameter was given that nothing above has read */
  checkAllRead(): void {
    const left = [...this.#unread].filter((name) => !['Force', 'Passthru', 'PassThru'].includes(name));
    const remote = left.find((name) => REMOTE.includes(name));
    if (remote !== undefined) throw notInContract(`${this.cmdlet} -${remote}: there is one host only`);
    if (left.length > 0) throw notInContract(`${this.cmdlet} -${left.join(', -')}`);
  }

  /** Does something for each; one that fails is reported, and the others go on, as Hyper-V's cmdlets do. */
  async each<T>(items: readonly T[], body: (item: T) => void | Promise<void>): Promise<void> {
    for (const item of items) {
      try {
        await body(item);
      } catch (error) {
        this.reply.error(error);
      }
    }
  }
}

export type Handler = (call: Call) => void | Promise<void>;
export type Handlers = Readonly<Record<string, Handler>>;
