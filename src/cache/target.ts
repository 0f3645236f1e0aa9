/** One cache that a build writes to, while it goes on. The first thing that goes wrong ends it. */
import { isHyperfileError } from '../base/error.ts';
import { Limiter } from '../transfer/limits.ts';
import type { DistantSource, LayerSender } from '../transfer/send-layers.ts';
import type { CacheIo } from './cache-io.ts';
import type { CacheOption } from './options.ts';
import type { CachePlace, OpenPlace } from './place.ts';
import { reasonOf } from './reason.ts';
import { withinTime } from './time-limit.ts';
import { writeRecord } from './record.ts';
import type { CacheExport } from './remote-cache.ts';

/** How long a finished build waits for its export, unless the option says otherwise: as Docker does. */
const SETTLE_MS = 10 * 60 * 1000;
/** Each waits for layers, which share the transfer's own limit. */
const RECORDS_AT_ONCE = 4;

interface OpenTarget {
  readonly place: CachePlace;
  readonly sender: LayerSender;
}

export class CacheTarget {
  readonly option: CacheOption;
  readonly #io: CacheIo;
  readonly #stop = new AbortController();
  readonly #limiter = new Limiter(RECORDS_AT_ONCE);
  /** Layers that the store may not have, by id. */
  readonly #distant = new Map<string, DistantSource>();
  readonly #exports = new Map<string, Promise<void>>();
  readonly #openPlace: OpenPlace;
  #open: Promise<OpenTarget | undefined> | undefined;
  #failure: unknown;
  #isOff = false;

  constructor(option: CacheOption, io: CacheIo, open: OpenPlace) {
    this.option = option;
    this.#io = { ...io, signal: AbortSignal.any([io.signal, this.#stop.signal]) };
    this.#openPlace = open;
  }

  /** What went wrong, if anything did. */
  get failure(): unknown {
    return this.#failure;
  }

  offer(result: CacheExport): void {
    if (this.option.mode === 'min' && !result.isOfTarget) return;
    if (this.#isOff || this.#exports.has(result.key)) return;
    const { hit } = result;
    for (const layer of hit?.layers ?? []) this.#distant.set(layer.id, { layer, from: hit!.from });
    const done = this.#limiter
      .run(this.#io.signal, () => this.#export(result))
      .catch((error: unknown) => this.#fail(error));
    this.#exports.set(result.key, done);
  }

  /** Waits for all that was offered, but not for ever: the build is done already. */
  async settle(): Promise<void> {
    const limitMs = this.option.timeoutMs ?? SETTLE_MS;
    try {
      await withinTime(limitMs, this.#io.signal, () => Promise.all(this.#exports.values()));
    } catch (error) {
      this.#fail(error);
      this.#stop.abort();
    }
  }

  async close(): Promise<void> {
    this.#isOff = true;
    await Promise.all(this.#exports.values());
    const target = await this.#open?.catch(() => undefined);
    await target?.place.repository.close().catch((error: unknown) => this.#fail(error));
  }

  async #export(result: CacheExport): Promise<void> {
    if (this.#isOff || this.#io.signal.aborted) return;
    this.#open ??= this.#openTarget();
    const target = await this.#open;
    if (target === undefined) return;
    const { place } = target;
    const { key, inputs, created, value } = result;
    const { signal } = this.#io;
    const isRefused = this.#io.refused?.has(key) ?? false;
    if (!isRefused && (await place.hasRecord(key, { signal }))) return;
    if (this.#isOff) return;
    const layers = result.layers.length > 0 ? await target.sender.send(result.layers) : [];
    await writeRecord(
      place,
      { key, inputs, created, layers, ...(value !== undefined && { value }) },
      { signal },
    );
  }

  async #openTarget(): Promise<OpenTarget | undefined> {
    const place = await this.#openPlace(this.option, this.#io);
    if (place === undefined) return undefined;
    const { LayerSender } = await import('../transfer/send-layers.ts');
    const level = this.option.compressionLevel;
    const io = { ...this.#io, ...(level !== undefined && { level }) };
    const elsewhere = (id: string): DistantSource | undefined => this.#distant.get(id);
    return { place, sender: new LayerSender(place.repository, io, { elsewhere }) };
  }

  #fail(error: unknown): void {
    if (this.#io.signal.aborted || isHyperfileError(error, 'INTERRUPTED') || this.#failure !== undefined)
      return;
    this.#isOff = true;
    this.#failure = error;
    if (!this.option.ignoreError) return;
    const { message, hint } = reasonOf(error);
    this.#io.onEvent({
      type: 'warning',
      message: `cache ${this.option.name}: ${message}; the build is not exported to it`,
      ...(hint !== undefined && { hint }),
    });
  }
}
