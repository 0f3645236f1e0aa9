/** A part of a layer as the blob that travels: made in a temporary file when somebody asks for it. */
import { createReadStream } from 'node:fs';
import { removeFile } from '../base/patience.ts';
import { packPart } from '../blob/pack-part.ts';
import type { LayerPart } from '../blob/parts.ts';
import type { LayerBlob } from '../oci/layer-form.ts';
import type { BlobSource } from '../oci/repository.ts';
import type { TransferIo } from './io.ts';

const PIECE_BYTES = 1 << 20;

/** Packing gave other bytes than the blob that was asked for: another zstd made that one. */
export class PackedDifferently extends Error {
  override readonly name = 'PackedDifferently';
}

export class PackedPart {
  readonly #layerPath: string;
  readonly #part: LayerPart;
  readonly #io: TransferIo;
  readonly #path: string;
  #packing: Promise<LayerBlob> | undefined;

  constructor(layerPath: string, part: LayerPart, io: TransferIo) {
    this.#layerPath = layerPath;
    this.#part = part;
    this.#io = io;
    this.#path = io.store.temporaryPath();
  }

  /** Packs it the first time. @throws HyperfileError DISK_FULL, INTERRUPTED */
  pack(): Promise<LayerBlob> {
    const { signal, level } = this.#io;
    this.#packing ??= packPart(this.#layerPath, this.#part, this.#path, {
      signal,
      ...(level !== undefined && { level }),
    });
    return this.#packing;
  }

  /** True when it was packed and is not the blob that was hoped for. */
  async isOtherThan(blob: LayerBlob): Promise<boolean> {
    return this.#packing !== undefined && (await this.#packing).digest !== blob.digest;
  }

  /** The blob's bytes, packed when they are first read. Reading throws {@link PackedDifferently}. */
  source(expected: LayerBlob): BlobSource {
    const bytes = async function* (part: PackedPart, start: number): AsyncGenerator<Uint8Array> {
      if ((await part.pack()).digest !== expected.digest) throw new PackedDifferently();
      yield* createReadStream(part.#path, { start, highWaterMark: PIECE_BYTES });
    };
    return { read: (offset) => bytes(this, offset) };
  }

  discard(): void {
    removeFile(this.#path);
  }
}
