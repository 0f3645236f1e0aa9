/** The blobs of a container image's layers, in order: the next ones arrive while earlier ones are unpacked. */
import { createReadStream } from 'node:fs';
import type { Repository } from '../../oci/repository.ts';
import { BlobDownload, fetchBlobFile } from '../../transfer/fetch-blob.ts';
import { DEFAULT_CONCURRENCY, type TransferIo } from '../../transfer/io.ts';
import type { ContainerLayer } from './container-layer.ts';

const PIECE_BYTES = 512 * 1024;

export class LayerBlobs {
  readonly #layers: readonly ContainerLayer[];
  readonly #from: Repository;
  readonly #io: TransferIo;
  readonly #stop = new AbortController();
  /** Of the layers behind the one that is unpacked. */
  readonly #ahead = new Map<ContainerLayer, Promise<BlobDownload>>();
  readonly #done: BlobDownload[] = [];

  constructor(layers: readonly ContainerLayer[], from: Repository, io: TransferIo) {
    this.#layers = layers;
    this.#from = from;
    this.#io = { ...io, signal: AbortSignal.any([io.signal, this.#stop.signal]) };
  }

  /** A layer's blob as it arrives, or from the file if it has arrived already. Only to be believed at its end. */
  async *read(layer: ContainerLayer): AsyncGenerator<Uint8Array> {
    const index = this.#layers.indexOf(layer);
    const count = this.#io.concurrency ?? DEFAULT_CONCURRENCY;
    for (const next of this.#layers.slice(index + 1, index + count)) this.#fetch(next);
    const arriving = this.#ahead.get(layer);
    if (arriving) {
      const { path } = await arriving;
      yield* createReadStream(path, { highWaterMark: PIECE_BYTES }) as AsyncIterable<Buffer>;
      return;
    }
    const { descriptor, label } = layer;
    const download = new BlobDownload({ from: this.#from, descriptor, label }, this.#io);
    this.#done.push(download);
    yield* download.bytes();
  }

  /** All layers are on the disk: nothing of their blobs is needed any more. */
  remove(): void {
    for (const download of this.#done.splice(0)) download.remove();
  }

  /** Ends what is under way. What has arrived stays for the next attempt, unless it was removed. */
  async close(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#ahead.values());
    for (const download of this.#done.splice(0)) download.release();
  }

  #fetch(layer: ContainerLayer): void {
    if (this.#ahead.has(layer)) return;
    const arriving = fetchBlobFile(this.#from, layer.descriptor, this.#io, layer.label).then((download) => {
      this.#done.push(download);
      return download;
    });
    // Whoever reads the layer meets the error.
    arriving.catch(() => undefined);
    this.#ahead.set(layer, arriving);
  }
}
