/**
 * Walks a block allocation table once and holds every entry against the rules (MS-VHDX section 2.5.1). The table of the
 * largest disk has half a gigabyte, so it is read in pieces, and stretches of equal entries cost next to nothing.
 */
import type { ErrorCode } from '../base/codes/index.ts';
import type { ErrorData } from '../base/error.ts';
import type { Bitmap } from '../bytes/bitmap.ts';
import type { BlockFile } from '../disk/block-file.ts';
import { isZero } from '../disk/zeros.ts';
import { errorAt, GivenUp, warningAt, type Findings, type RepairKind } from './findings.ts';
import { BAT_ENTRY_BYTES, BITMAP_PRESENT, BLOCK, MIB } from './format.ts';
import { bitmapEntryIndex, type Geometry } from './geometry.ts';
import type { Region } from './region.ts';

const PIECE_BYTES = MIB;
/** Bits 3 to 19 of an entry. */
const RESERVED_BITS = 0xffff8;

/** Takes in the blocks that are not NOT_PRESENT, in order. */
export interface BlockSink {
  /** A block's place in the file is in MiB; 0 for none. */
  block(block: number, state: number, fileMb: number): void;
  /** `count` blocks in one state that have no place. */
  blocks(first: number, count: number, state: number): void;
}

export interface BatScan {
  /** Chunk -> where its sector bitmap block lies in the file, in MiB. */
  readonly bitmapMb: Map<number, number>;
  /** Blocks whose data are in the file, in whole or in part. */
  readonly allocatedBlocks: number;
  /** Where the last place ends that a block has, in MiB. The file may end before: see VHDX_BLOCK_CUT. */
  readonly endMb: number;
}

/**
 * Reads the whole table. In `used`, which has a bit for every megabyte of the file, the places of all blocks are added.
 * @throws HyperfileError VHDX_BAT_*, VHDX_BLOCK_*, VHDX_BITMAP_*, VHDX_PARTIAL_WITHOUT_PARENT for the first rule that is
 *   broken, unless `findings` go on.
 */
export function scanBat(
  file: BlockFile,
  region: Region,
  geometry: Geometry,
  used: Bitmap,
  findings: Findings,
  sink?: BlockSink,
): BatScan {
  const needed = geometry.batEntryCount * BAT_ENTRY_BYTES;
  if (needed > region.length) {
    const data = { length: region.length, needed };
    findings.report(errorAt('VHDX_BAT_TOO_SMALL', file.path, region.fileOffset, data));
    throw new GivenUp();
  }
  const scanner = new Scanner(file, region, geometry, used, findings, sink);
  // What lies behind the last entry means nothing, but should be zero.
  const tableBytes = findings.isThorough ? region.length : needed;
  const words = new Uint32Array(Math.min(PIECE_BYTES, tableBytes) / 4);
  const bytes = new Uint8Array(words.buffer);
  for (let done = 0; done < tableBytes; done += PIECE_BYTES) {
    const length = Math.min(PIECE_BYTES, tableBytes - done);
    file.readAt(bytes, 0, length, region.fileOffset + done);
    if (!isZero(bytes, 0, length)) {
      scanner.piece(words, bytes, done / BAT_ENTRY_BYTES, length / BAT_ENTRY_BYTES);
    }
  }
  scanner.checkBitmaps();
  return scanner;
}

class Scanner implements BatScan {
  readonly bitmapMb = new Map<number, number>();
  allocatedBlocks = 0;
  endMb = 0;
  readonly #path: string;
  readonly #region: Region;
  readonly #geometry: Geometry;
  readonly #blockMb: number;
  readonly #fileBytes: number;
  readonly #used: Bitmap;
  readonly #findings: Findings;
  readonly #sink: BlockSink | undefined;
  readonly #partialChunks = new Set<number>();

  constructor(
    file: BlockFile,
    region: Region,
    geometry: Geometry,
    used: Bitmap,
    findings: Findings,
    sink?: BlockSink,
  ) {
    this.#path = file.path;
    this.#region = region;
    this.#geometry = geometry;
    this.#blockMb = geometry.blockBytes / MIB;
    this.#fileBytes = file.sizeBytes();
    this.#used = used;
    this.#findings = findings;
    this.#sink = sink;
  }

  /** Takes in `count` entries, the first of which is entry `firstIndex`. `words` and `bytes` are the same memory. */
  piece(words: Uint32Array, bytes: Uint8Array, firstIndex: number, count: number): void {
    const { chunkRatio, batEntryCount, blockCount } = this.#geometry;
    for (let i = 0; i < count;) {
      const index = firstIndex + i;
      const chunk = Math.floor(index / (chunkRatio + 1));
      const within = index - chunk * (chunkRatio + 1);
      const block = index - chunk;
      if (within === chunkRatio && index < batEntryCount) {
        this.#bitmapEntry(index, chunk, words[2 * i], words[2 * i + 1]);
        i++;
        continue;
      }
      const end = Math.min(count, i + Math.max(1, chunkRatio - within));
      if (!isZero(bytes, i * BAT_ENTRY_BYTES, end * BAT_ENTRY_BYTES)) {
        const live = Math.max(i, Math.min(end, i + blockCount - block));
        if (live > i) this.#payloadEntries(words, bytes, i, live, index, chunk);
        for (let k = live; k < end; k++) {
          if ((words[2 * k] | words[2 * k + 1]) !== 0) this.#warning('VHDX_BAT_SURPLUS', firstIndex + k);
        }
      }
      i = end;
    }
  }

  /** Entries `from` to `end` of a piece: blocks of one chunk, not all of them NOT_PRESENT. */
  #payloadEntries(
    words: Uint32Array,
    bytes: Uint8Array,
    from: number,
    end: number,
    index: number,
    chunk: number,
  ): void {
    const first = words[2 * from];
    const isPlain = first <= BLOCK.UNMAPPED && words[2 * from + 1] === 0;
    if (isPlain && isUniform(bytes, from * BAT_ENTRY_BYTES, end * BAT_ENTRY_BYTES)) {
      return this.#sink?.blocks(index - chunk, end - from, first);
    }
    for (let i = from; i < end; i++) {
      const [low, high] = [words[2 * i], words[2 * i + 1]];
      if ((low | high) !== 0) this.#payloadEntry(index + i - from, chunk, low, high);
    }
  }

  /** One entry that is not zero; `low` and `high` are its halves. */
  #payloadEntry(index: number, chunk: number, low: number, high: number): void {
    const block = index - chunk;
    const state = low & 7;
    const fileMb = high * 4096 + (low >>> 20);
    if (low & RESERVED_BITS) this.#error('VHDX_BAT_RESERVED', index);
    if (state === 4 || state === 5) return this.#error('VHDX_BLOCK_STATE', index, { state });
    if (state === BLOCK.NOT_PRESENT || state === BLOCK.ZERO) {
      if (fileMb !== 0) this.#warning('VHDX_ABSENT_WITH_PLACE', index);
      return this.#sink?.block(block, state, 0);
    }
    if (state >= BLOCK.FULLY_PRESENT) {
      this.allocatedBlocks++;
      if (state === BLOCK.PARTIALLY_PRESENT) {
        if (this.#geometry.hasParent) this.#partialChunks.add(chunk);
        else this.#error('VHDX_PARTIAL_WITHOUT_PARENT', index);
      }
    } else if (fileMb === 0) return this.#sink?.block(block, state, 0);
    // Present, or the place is kept for when the block is written again (a soft anchor).
    if (this.#take(fileMb, this.#blockMb, index, this.#bytesOnDisk(block))) {
      this.#sink?.block(block, state, fileMb);
    }
  }

  /** How much of a block lies on the disk: less than usual only in a last block that is cut. */
  #bytesOnDisk(block: number): number {
    const { blockBytes, sizeBytes } = this.#geometry;
    return Math.min(blockBytes, sizeBytes - block * blockBytes);
  }

  #bitmapEntry(index: number, chunk: number, low: number, high: number): void {
    if ((low | high) === 0) return;
    const state = low & 7;
    const fileMb = high * 4096 + (low >>> 20);
    if (low & RESERVED_BITS) this.#error('VHDX_BAT_RESERVED', index);
    if (state === BLOCK.NOT_PRESENT) {
      if (fileMb !== 0) this.#warning('VHDX_ABSENT_WITH_PLACE', index);
      return;
    }
    if (state !== BITMAP_PRESENT) return this.#error('VHDX_BITMAP_STATE', index, { state });
    if (!this.#geometry.hasParent) return this.#error('VHDX_BITMAP_WITHOUT_PARENT', index);
    if (this.#take(fileMb, 1, index, MIB)) this.bitmapMb.set(chunk, fileMb);
  }

  /**
   * Counts a stretch of the file as in use; false when it does not lie in the file, of which `neededBytes` must be there.
   * qemu ends a fixed file with the disk, in the middle of the last block.
   */
  #take(fileMb: number, countMb: number, index: number, neededBytes: number): boolean {
    if (fileMb * MIB + neededBytes > this.#fileBytes) {
      this.#error('VHDX_BLOCK_PAST_END', index, { place: fileMb * MIB });
      return false;
    }
    const endMb = Math.min(fileMb + countMb, this.#used.length);
    if (this.#used.setRange(fileMb, endMb) !== endMb - fileMb) {
      this.#error('VHDX_BLOCK_OVERLAP', index, { place: fileMb * MIB });
    }
    this.endMb = Math.max(this.endMb, fileMb + countMb);
    if ((fileMb + countMb) * MIB > this.#fileBytes) this.#warning('VHDX_BLOCK_CUT', index, 'file-length');
    return true;
  }

  checkBitmaps(): void {
    for (const chunk of this.#partialChunks) {
      if (!this.bitmapMb.has(chunk))
        this.#error('VHDX_BITMAP_MISSING', bitmapEntryIndex(this.#geometry, chunk));
    }
  }

  #error(code: ErrorCode, index: number, data: ErrorData = {}): void {
    const all = { ...this.#subjectOf(index), ...data };
    this.#findings.report(errorAt(code, this.#path, this.#offsetOf(index), all));
  }

  #warning(code: ErrorCode, index: number, repair: RepairKind = 'bat-entries'): void {
    const data = this.#subjectOf(index);
    this.#findings.report(warningAt(code, this.#path, this.#offsetOf(index), data, repair));
  }

  /** What an entry speaks of, for a message. */
  #subjectOf(index: number): ErrorData {
    const { chunkRatio, batEntryCount } = this.#geometry;
    if (index >= batEntryCount) return { entry: index };
    const chunk = Math.floor(index / (chunkRatio + 1));
    if (index === bitmapEntryIndex(this.#geometry, chunk)) return { what: `sector bitmap ${chunk}`, chunk };
    const block = index - chunk;
    return { what: `block ${block}`, block, entry: index };
  }

  #offsetOf(index: number): number {
    return this.#region.fileOffset + index * BAT_ENTRY_BYTES;
  }
}

/** True when a range holds one entry over and over. */
function isUniform(bytes: Uint8Array, start: number, end: number): boolean {
  const last = end - BAT_ENTRY_BYTES;
  return Buffer.compare(bytes.subarray(start + BAT_ENTRY_BYTES, end), bytes.subarray(start, last)) === 0;
}
