/** A file as it will be when changes that settled have been written to it: they lie over it in memory. */
import { HyperfileError } from '../../base/error.ts';
import type { BlockFile } from '../../disk/block-file.ts';
import { LOG_SECTOR_BYTES } from '../format.ts';
import { firstNotBelow, type SettledChanges } from './settle.ts';

/** For reading only. Closing it closes the file below. */
export class OverlayFile implements BlockFile {
  readonly #below: BlockFile;
  readonly #belowBytes: number;
  readonly #changes: SettledChanges;
  readonly #pageOffsets: Float64Array;
  readonly #sizeBytes: number;

  /** What lies past the end of `below`, up to `sizeBytes`, reads as zeros unless it was changed. */
  constructor(below: BlockFile, changes: SettledChanges, sizeBytes: number) {
    this.#below = below;
    this.#belowBytes = below.sizeBytes();
    this.#changes = changes;
    this.#pageOffsets = Float64Array.from(changes.pages, ({ fileOffset }) => fileOffset);
    this.#sizeBytes = sizeBytes;
  }

  get path(): string {
    return this.#below.path;
  }

  sizeBytes(): number {
    return this.#sizeBytes;
  }

  readAt(target: Uint8Array, at: number, length: number, fileOffset: number): void {
    const end = fileOffset + length;
    if (end > this.#sizeBytes) throw new HyperfileError('DISK_CUT_SHORT', { data: { path: this.path, end } });
    const belowBytes = Math.max(0, Math.min(length, this.#belowBytes - fileOffset));
    if (belowBytes > 0) this.#below.readAt(target, at, belowBytes, fileOffset);
    const bytes = target.subarray(at, at + length);
    bytes.fill(0, belowBytes);
    this.#layZeros(bytes, fileOffset);
    this.#layPages(bytes, fileOffset);
  }

  #layZeros(bytes: Uint8Array, fileOffset: number): void {
    const { starts, ends } = this.#changes.zeros;
    const end = fileOffset + bytes.length;
    for (let i = firstNotBelow(ends, fileOffset); i < starts.length && starts[i] < end; i++) {
      bytes.fill(0, Math.max(0, starts[i] - fileOffset), Math.min(end, ends[i]) - fileOffset);
    }
  }

  #layPages(bytes: Uint8Array, fileOffset: number): void {
    const first = firstNotBelow(this.#pageOffsets, fileOffset - LOG_SECTOR_BYTES + 1);
    for (let i = first; i < this.#pageOffsets.length; i++) {
      const within = this.#pageOffsets[i] - fileOffset;
      if (within >= bytes.length) return;
      const page = this.#changes.pages[i].bytes;
      bytes.set(page.subarray(Math.max(0, -within), bytes.length - within), Math.max(0, within));
    }
  }

  writeAt(): void {
    throw new TypeError(`${this.path} is open for reading only`);
  }

  truncate(): void {
    throw new TypeError(`${this.path} is open for reading only`);
  }

  flush(): void {}

  close(): void {
    this.#below.close();
  }
}
