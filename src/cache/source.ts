/** One cache that a build reads from. Whatever goes wrong with it is one warning, and no hit. */
import { isHyperfileError } from '../base/error.ts';
import { Limiter } from '../transfer/limits.ts';
import type { CacheIo } from './cache-io.ts';
import { readInlineKeys } from './inline-cache.ts';
import type { CacheOption } from './options.ts';
import type { CachePlace, OpenPlace } from './place.ts';
import { reasonOf } from './reason.ts';
import { readRecord } from './record.ts';
import type { RemoteHit } from './remote-cache.ts';
import { lookupLimitMs, withinTime } from './time-limit.ts';

/** Lookups are small requests; more at once would only meet a server's limits sooner. */
const LOOKUPS_AT_ONCE = 8;

export class CacheSource {
  readonly #option: CacheOption;
  readonly #io: CacheIo;
  readonly #open: OpenPlace;
  readonly #limitMs: number;
  readonly #limiter = new Limiter(LOOKUPS_AT_ONCE);
  readonly #answers = new Map<string, Promise<RemoteHit | undefined>>();
  #place: Promise<CachePlace | undefined> | undefined;
  #inline: Promise<ReadonlyMap<string, RemoteHit>> | undefined;
  readonly #stop = new AbortController();
  /** What is given up, or has seen its caller give up, asks nothing more. */
  readonly #signal: AbortSignal;
  readonly #warned = new Set<string>();

  constructor(option: CacheOption, io: CacheIo, open: OpenPlace) {
    this.#option = option;
    this.#io = io;
    this.#open = open;
    this.#signal = AbortSignal.any([io.signal, this.#stop.signal]);
    this.#limitMs = option.timeoutMs ?? io.lookupTimeoutMs ?? lookupLimitMs(io.env);
  }

  /** The hit for a key, asked for once. Never fails. */
  async lookup(key: string): Promise<RemoteHit | undefined> {
    const answer = this.#answers.get(key) ?? this.#enqueue(key);
    this.#answers.set(key, answer);
    const hit = await answer;
    return this.#signal.aborted ? undefined : hit;
  }

  /** Asks nothing more here. With a reason, that is warned of. */
  giveUp(reason?: unknown): void {
    if (this.#signal.aborted) return;
    this.#stop.abort();
    if (reason !== undefined) this.#warn(reason, 'the build goes on without this cache');
  }

  async close(): Promise<void> {
    this.#stop.abort();
    const place = await this.#place?.catch(() => undefined);
    await place?.repository.close().catch(() => undefined);
  }

  #enqueue(key: string): Promise<RemoteHit | undefined> {
    // Nobody waits for an answer when all is given up.
    return this.#limiter.run(this.#signal, () => this.#ask(key)).catch(() => undefined);
  }

  async #ask(key: string): Promise<RemoteHit | undefined> {
    try {
      return await withinTime(this.#limitMs, this.#signal, (signal) => this.#find(key, signal));
    } catch (error) {
      this.#blame(error);
      if (isOneRecord(error)) this.#io.refused?.add(key);
      return undefined;
    }
  }

  async #find(key: string, signal: AbortSignal): Promise<RemoteHit | undefined> {
    this.#place ??= this.#open(this.#option, this.#io);
    const place = await this.#place;
    if (place === undefined) return undefined;
    const inline = this.#inlineKeys(place);
    const hit = await readRecord(place, key, { signal });
    return hit ?? (await inline).get(key);
  }

  /** Read once, for all keys. An image that is of no use is no reason to mistrust the records beside it. */
  #inlineKeys(place: CachePlace): Promise<ReadonlyMap<string, RemoteHit>> {
    this.#inline ??= withinTime(this.#limitMs, this.#signal, (signal) =>
      readInlineKeys(place, { signal }),
    ).catch((error: unknown) => {
      this.#blame(error);
      return new Map<string, RemoteHit>();
    });
    return this.#inline;
  }

  #blame(error: unknown): void {
    if (this.#signal.aborted || isHyperfileError(error, 'INTERRUPTED')) return;
    if (isOneRecord(error)) this.#warn(error, 'the record is not used');
    else this.giveUp(error);
  }

  /** Says each consequence once, however often it comes up. */
  #warn(error: unknown, consequence: string): void {
    if (this.#warned.has(consequence)) return;
    this.#warned.add(consequence);
    const { message, hint } = reasonOf(error);
    this.#io.onEvent({
      type: 'warning',
      message: `cache ${this.#option.name}: ${message}; ${consequence}`,
      ...(hint !== undefined && { hint }),
    });
  }
}

/** Codes of the place itself, among those that say what is wrong with content. */
const OF_THE_PLACE: readonly string[] = ['OCI_ACCESS', 'OCI_LAYOUT_INVALID'];

/** What is wrong with one record says nothing about the others; what is wrong with its place does. */
function isOneRecord(error: unknown): boolean {
  if (!isHyperfileError(error) || OF_THE_PLACE.includes(error.code)) return false;
  return error.code === 'CACHE_RECORD' || error.code.startsWith('OCI_');
}
