/** The sound files that are broken: one of every kind, small, with something in every structure. */
import type { BlockFile } from '../../../src/disk/block-file.ts';
import { MemoryFile } from '../../../src/disk/memory-file.ts';
import { encodeHeader } from '../../../src/vhdx/header.ts';
import { HEADER_OFFSETS, headerRecord } from '../../../src/vhdx/format.ts';
import { readLayer, type Layer } from '../../../src/vhdx/layer.ts';
import type { LogChange } from '../../../src/vhdx/log/entry.ts';
import { addItem, addRegion, BAT, batEntry, REGION_TABLES } from '../damage.ts';
import { memoryChild, memoryVhdx, type MemoryShape } from '../edit/memory-vhdx.ts';
import { FOREIGN_GUID, LOG_GUID, putEntry } from '../log/logs.ts';
import { naiveDisk, type NaiveDisk, type ReadAt } from '../naive-reader.ts';
import { MIB, pattern } from '../scratch.ts';
import { withChecksum } from '../../../src/vhdx/header.ts';
import { imageOf, MutantFile, type Image } from './mutant-file.ts';

export interface Seed {
  readonly name: string;
  readonly image: Image;
  /** What lies below, leaf first; for a naive reader too. */
  readonly below: readonly Layer[];
  readonly naiveBelow: NaiveDisk | undefined;
}

/** A file for a naive reader: zeros past its end. */
export function readAtOf(file: BlockFile): ReadAt {
  return (offset, length) => {
    const bytes = Buffer.alloc(length);
    const count = Math.max(0, Math.min(length, file.sizeBytes() - offset));
    if (count > 0) file.readAt(bytes, 0, count, offset);
    return bytes;
  };
}

function seed(name: string, file: BlockFile, below: readonly Layer[] = []): Seed {
  const [parent, ...rest] = below;
  const naiveBelow = parent && seed('', parent.file, rest);
  return {
    name,
    image: imageOf(file),
    below,
    naiveBelow: parent && naiveDisk(readAtOf(parent.file), naiveBelow?.naiveBelow),
  };
}

const write = (seed: number, at: number, length: number) => ({ seed, at, length });
type Write = ReturnType<typeof write>;

function base(shape: MemoryShape, writes: readonly Write[]): Layer {
  return memoryVhdx(shape, (leaf) => {
    for (const { seed: from, at, length } of writes) leaf.write(pattern(length, from), at);
  });
}

function difference(
  shape: MemoryShape,
  below: readonly Layer[],
  writes: readonly Write[],
  zeroed: readonly [at: number, length: number][] = [],
): MemoryFile {
  const file = new MemoryFile('child.vhdx');
  memoryChild(file, shape, below, (leaf) => {
    for (const { seed: from, at, length } of writes) leaf.write(pattern(length, from), at);
    for (const [at, length] of zeroed) leaf.zero(at, length);
  });
  return file;
}

/** Changes a small file as bytes. */
function changed(file: BlockFile, change: (bytes: Buffer) => Buffer | void): MemoryFile {
  const before = Buffer.alloc(file.sizeBytes());
  file.readAt(before, 0, before.length, 0);
  const bytes = change(before) ?? before;
  const result = new MemoryFile('changed.vhdx');
  result.writeAt(bytes, 0, bytes.length, 0);
  return result;
}

/** Regions and items of others. */
function withOthers(file: BlockFile): MemoryFile {
  return changed(file, (bytes) => {
    const larger = Buffer.concat([bytes, Buffer.alloc(2 * MIB)]);
    addRegion(larger, bytes.length + MIB, 0);
    for (const at of REGION_TABLES) withChecksum(larger.subarray(at, at + 65536));
    addItem(larger, { flags: 1, length: 100 });
    addItem(larger, { offset: 0x40000, length: 4096 });
    addItem(larger, { flags: 3, offset: 0, length: 0 });
    return larger;
  });
}

/** Bits of block 2, which is not there, and nothing but zeros in block 3: what no writer of ours leaves behind. */
function withOddBlocks(file: BlockFile): MemoryFile {
  return changed(file, (bytes) => {
    bytes.fill(0xff, 7 * MIB + 2 * 256, 7 * MIB + 3 * 256);
    bytes.fill(0, 5 * MIB, 6 * MIB);
  });
}

/** A log of four entries that goes around the end of its ring; without it blocks 0 and 4 are not there. */
function notClosed(file: BlockFile): MemoryFile {
  return changed(file, (bytes) => {
    const [batPage, bitsPage] = [BAT, 7 * MIB].map((at) => Buffer.from(bytes.subarray(at, at + 4096)));
    const page = (fileOffset: number, content: Buffer): LogChange => ({
      kind: 'page',
      fileOffset,
      bytes: content,
    });
    batEntry(bytes, 0, 0);
    batEntry(bytes, 4, 0);
    bytes.fill(0, 7 * MIB, 7 * MIB + 4096);
    const older = Buffer.from(bytes.subarray(BAT, BAT + 4096));
    const entries: readonly (readonly LogChange[])[] = [
      [],
      [page(BAT, older), { kind: 'zeros', fileOffset: 7 * MIB, length: 8192 }],
      [page(7 * MIB, bitsPage), page(5 * MIB, Buffer.alloc(4096, 0xc3))],
      [page(BAT, batPage), { kind: 'zeros', fileOffset: 5 * MIB, length: 4096 }],
    ];
    const ring = bytes.subarray(MIB, 2 * MIB);
    const start = MIB - 4 * 4096;
    const second = start + 4096;
    let at = putEntry(ring, 0x20000, entry(7n, 0x20000, [page(BAT, older)], FOREIGN_GUID));
    at = start;
    entries.forEach((changes, i) => {
      at = putEntry(ring, at, entry(100n + BigInt(i), i < 2 ? start : second, changes));
    });
    for (const headerAt of HEADER_OFFSETS) {
      const header = headerRecord.decode(bytes.subarray(headerAt));
      bytes.set(encodeHeader({ ...header, logGuid: LOG_GUID }), headerAt);
    }
  });
}

function entry(
  sequenceNumber: bigint,
  tailOffset: number,
  changes: readonly LogChange[],
  logGuid = LOG_GUID,
) {
  return { sequenceNumber, tailOffset, logGuid, flushedFileBytes: 8 * MIB, lastFileBytes: 9 * MIB, changes };
}

/** A disk of which every block has a place, and which may give none back. */
function fixed(): MemoryFile {
  const layer = base({ sizeBytes: 3 * MIB + 512 }, [write(1, 0, 3 * MIB + 512)]);
  return changed(layer.file, (bytes) => void bytes.writeUInt32LE(1, 2 * MIB + 65536 + 4));
}

export function makeSeeds(): Seed[] {
  const small = base({ sizeBytes: 5 * MIB }, [write(1, 0, 2 * MIB), write(2, 3 * MIB, 2 * MIB)]);
  const small4K = base({ sizeBytes: 4 * MIB, sectorBytes: 4096 }, [write(3, 4096, 3 * MIB)]);
  const mixed = difference(
    { sizeBytes: 5 * MIB },
    [small],
    [write(4, 512, 1024), write(5, 3 * MIB, MIB), write(6, 5 * MIB - 512, 512)],
    [[MIB, MIB]],
  );
  const grandchild = difference(
    { sizeBytes: 7 * MIB + 512, blockBytes: 2 * MIB },
    [readLayer(mixed), small],
    [write(7, MIB - 512, 1024), write(8, 7 * MIB, 512)],
    [[4 * MIB, MIB]],
  );
  const of4K = difference(
    { sizeBytes: 6 * MIB, sectorBytes: 4096 },
    [small4K],
    [write(9, 8192, 4096), write(9, 4 * MIB, MIB)],
  );
  const large = base({ sizeBytes: 4608 * MIB, blockBytes: 32 * MIB }, [write(1, 4096 * MIB, 512)]);
  const secondChunk = difference(
    { sizeBytes: 4608 * MIB, blockBytes: 8 * MIB },
    [large],
    [write(2, 4096 * MIB + 512, 512), write(3, 8 * MIB, 4096)],
  );
  const dynamic = base({ sizeBytes: 6 * MIB + 512, blockBytes: 2 * MIB }, [
    write(1, 0, 4096),
    write(2, 6 * MIB, 512),
  ]);
  return [
    seed('dynamic', dynamic.file),
    seed('fixed', fixed()),
    seed('with parts of others', withOthers(small.file)),
    seed('difference', mixed, [small]),
    seed('difference with odd blocks', withOddBlocks(mixed), [small]),
    seed('difference of a difference, larger', grandchild, [readLayer(mixed), small]),
    seed('sectors of 4096 bytes', of4K, [small4K]),
    seed('two chunks', secondChunk, [large]),
    seed('not closed', notClosed(mixed), [small]),
    seed('not closed, alone', notClosed(small.file)),
  ];
}

export function mutantOf({ image }: Seed): MutantFile {
  return new MutantFile(image);
}
