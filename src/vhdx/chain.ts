/** A chain of finished layers as one disk that can be read. */
import type { DiskExtent, ReadableDisk } from '../disk/disk.ts';
import { checkRange } from '../disk/range.ts';
import { openLayers } from './ancestry.ts';
import { ChainIndex } from './chain-index.ts';
import type { Layer } from './layer.ts';
import { extentsOf } from './ranges.ts';
import { resolveChain, type ChainRange } from './resolve.ts';
import { Gather } from './runs.ts';

export interface ChainDisk extends ReadableDisk {
  /** Leaf first; the last one is the base. */
  readonly layers: readonly Layer[];
  /**
   * Where the bytes of a range are, by default of the whole disk: consecutive ranges that cover it exactly, in order,
   * neighbours merged where one goes on with the other. No payload is read, and no more is remembered than the index of
   * the chain may take.
   *
   * @throws HyperfileError DISK_OUT_OF_RANGE; DISK_IO while the ranges are taken
   */
  resolve(offset?: number, length?: number): Iterable<ChainRange>;
}

/**
 * Opens a chain given leaf first down to its base, or found from its leaf alone. Not a byte of any file is written.
 * @throws HyperfileError of {@link openLayers}.
 */
export function openChain(chain: string | readonly string[]): ChainDisk {
  return new LayerChain(openLayers(chain));
}

class LayerChain implements ChainDisk {
  readonly layers: readonly Layer[];
  readonly sizeBytes: number;
  readonly logicalSectorBytes: number;
  readonly #index: ChainIndex;
  readonly #gather = new Gather();

  constructor(layers: readonly Layer[]) {
    this.layers = layers;
    this.sizeBytes = layers[0]?.geometry.sizeBytes ?? 0;
    this.logicalSectorBytes = layers[0]?.geometry.logicalSectorBytes ?? 512;
    this.#index = new ChainIndex(layers, this.logicalSectorBytes);
  }

  read(target: Uint8Array, offset: number): void {
    checkRange(this.sizeBytes, offset, target.length);
    this.#gather.read(this.#index, target, offset);
  }

  extents(offset: number, length: number): Iterable<DiskExtent> {
    checkRange(this.sizeBytes, offset, length);
    return extentsOf(this.#index, offset, length);
  }

  resolve(offset = 0, length = this.sizeBytes - offset): Iterable<ChainRange> {
    checkRange(this.sizeBytes, offset, length);
    return resolveChain(this.layers, this.#index, offset, length);
  }

  close(): void {
    this.#index.close();
  }
}
