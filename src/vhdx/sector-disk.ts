/** What writable VHDX disks share: ranges are checked, reads gathered, and odd ends of writes filled up to whole sectors. */
import type { DiskExtent, WritableDisk } from '../disk/disk.ts';
import { checkRange } from '../disk/range.ts';
import { extentsOf } from './ranges.ts';
import { Gather, type RunSource } from './runs.ts';

/** What takes whole sectors. */
export interface SectorWriter {
  write(source: Uint8Array, offset: number): void;
  /** Makes whole sectors read as zeros. */
  zero(offset: number, length: number): void;
}

export abstract class SectorDisk implements WritableDisk {
  readonly sizeBytes: number;
  readonly logicalSectorBytes: number;
  readonly #gather = new Gather();

  constructor(shape: { readonly sizeBytes: number; readonly logicalSectorBytes: number }) {
    this.sizeBytes = shape.sizeBytes;
    this.logicalSectorBytes = shape.logicalSectorBytes;
  }

  /** What reads go through. */
  protected abstract readable(): RunSource;
  /** What writes go to. @throws HyperfileError DISK_READ_ONLY */
  protected abstract writable(): SectorWriter;
  abstract flush(): void;
  abstract close(): void;

  read(target: Uint8Array, offset: number): void {
    checkRange(this.sizeBytes, offset, target.length);
    this.#gather.read(this.readable(), target, offset);
  }

  extents(offset: number, length: number): Iterable<DiskExtent> {
    checkRange(this.sizeBytes, offset, length);
    return extentsOf(this.readable(), offset, length);
  }

  write(source: Uint8Array, offset: number): void {
    checkRange(this.sizeBytes, offset, source.length);
    const writer = this.writable();
    const sector = this.logicalSectorBytes;
    if (offset % sector === 0 && source.length % sector === 0) return writer.write(source, offset);
    const { start, whole } = this.#wholeSectors(offset, source.length);
    whole.set(source, offset - start);
    writer.write(whole, start);
  }

  zero(offset: number, length: number): void {
    checkRange(this.sizeBytes, offset, length);
    const writer = this.writable();
    const sector = this.logicalSectorBytes;
    const start = Math.ceil(offset / sector) * sector;
    const end = Math.floor((offset + length) / sector) * sector;
    if (start > end) return this.write(new Uint8Array(length), offset);
    if (start > offset) this.write(new Uint8Array(start - offset), offset);
    writer.zero(start, end - start);
    if (end < offset + length) this.write(new Uint8Array(offset + length - end), end);
  }

  /** The sectors that a range touches, as they are now. */
  #wholeSectors(offset: number, length: number): { start: number; whole: Uint8Array } {
    const sector = this.logicalSectorBytes;
    const start = Math.floor(offset / sector) * sector;
    const whole = new Uint8Array(Math.ceil((offset + length) / sector) * sector - start);
    this.read(whole, start);
    return { start, whole };
  }
}
