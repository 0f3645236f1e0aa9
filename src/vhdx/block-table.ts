/**
 * State and place of every payload block of one file, in pages of 128 blocks. A page whose blocks are all in one state, or
 * lie one behind the other in the file, is two numbers; any other page is one 32-bit word a block. In blocks of 1 MiB, a
 * table takes
 *
 * - for 64 GiB of the disk in which every block is NOT_PRESENT, 8 bytes;
 * - else 96 bytes a GiB, and 4 KiB for a GiB whose blocks lie in no order; a block that is alone in its 128 MiB, 512
 *   bytes. Pages that need words may have room for as many more.
 *
 * The largest disk there is (64 TiB, all of it present) takes 6 MiB when it was filled from front to back, and 262 MiB in
 * the worst order. Larger blocks take so much less.
 */
import { BLOCK } from './format.ts';

const PAGE_SHIFT = 7;
export const BLOCKS_PER_PAGE = 1 << PAGE_SHIFT;
const SLOT_MASK = BLOCKS_PER_PAGE - 1;
const PAGES_PER_GROUP = 512;
const PAGE_MASK = PAGES_PER_GROUP - 1;
const GROUP_SHIFT = 16;
const BLOCKS_PER_GROUP = 1 << GROUP_SHIFT;

/** A word holds the state in its low bits and above it the block's place in MiB, which has 27 bits (MAX_FILE_BYTES). */
const STATE_BITS = 3;
const STATE_MASK = (1 << STATE_BITS) - 1;

export class BlockTable {
  readonly blockCount: number;
  readonly #groups: (Group | undefined)[];

  constructor(blockCount: number) {
    this.blockCount = blockCount;
    this.#groups = new Array<Group | undefined>(((blockCount - 1) >>> GROUP_SHIFT) + 1).fill(undefined);
  }

  state(block: number): number {
    return this.#word(block) & STATE_MASK;
  }

  /** Where a block lies in the file, in MiB; 0 for none. */
  fileMb(block: number): number {
    return this.#word(block) >>> STATE_BITS;
  }

  #word(block: number): number {
    return this.#groups[block >>> GROUP_SHIFT]?.word(block) ?? 0;
  }

  set(block: number, state: number, fileMb: number): void {
    const group = this.#groupOf(block);
    group.set(block, (fileMb << STATE_BITS) | state);
    // A table that is read or written from front to back is done with a page here.
    if ((block & SLOT_MASK) === SLOT_MASK || block === this.blockCount - 1) group.settle(block);
  }

  /** Sets `count` blocks, all in one state; each next one lies `stepMb` MiB further on in the file. */
  fill(firstBlock: number, count: number, state: number, fileMb: number, stepMb: number): void {
    const end = firstBlock + count;
    for (let block = firstBlock; block < end;) {
      const place = fileMb + (block - firstBlock) * stepMb;
      const pageEnd = Math.min((block | SLOT_MASK) + 1, this.blockCount);
      if ((block & SLOT_MASK) === 0 && pageEnd <= end) {
        this.#groupOf(block).setPage(block, (place << STATE_BITS) | state, stepMb << STATE_BITS);
        block = pageEnd;
      } else this.set(block++, state, place);
    }
  }

  #groupOf(block: number): Group {
    const index = block >>> GROUP_SHIFT;
    let group = this.#groups[index];
    if (group === undefined)
      this.#groups[index] = group = new Group(this.blockCount - index * BLOCKS_PER_GROUP);
    return group;
  }

  /**
   * Where the run of blocks that begins at `block` ends, at most `limit`: blocks of one state of which each lies behind
   * the one before it in the file, or that have no place there.
   */
  runEnd(block: number, limit: number, blockMb: number): number {
    const first = this.#word(block);
    const step = first >>> STATE_BITS === 0 ? 0 : blockMb << STATE_BITS;
    let end = block + 1;
    while (end < limit) {
      const word = first + step * (end - block);
      const simpleEnd = this.#simpleEnd(end, word, step);
      if (simpleEnd > end) end = simpleEnd;
      else if (this.#word(end) === word) end++;
      else break;
    }
    return Math.min(end, limit);
  }

  /** The end of the page or group that from `block` on holds only `word` and what is `step` apart; or `block`. */
  #simpleEnd(block: number, word: number, step: number): number {
    const group = this.#groups[block >>> GROUP_SHIFT];
    if (group !== undefined)
      return group.step(block) === step && group.word(block) === word ? pageEnd(block) : block;
    return word === 0 && step === 0 ? ((block >>> GROUP_SHIFT) + 1) * BLOCKS_PER_GROUP : block;
  }

  /** False when every block of the range is surely NOT_PRESENT; looks at whole pages only. */
  mayHold(firstBlock: number, lastBlock: number): boolean {
    for (let block = firstBlock; block <= lastBlock; block = pageEnd(block)) {
      if (this.#groups[block >>> GROUP_SHIFT]?.mayHold(block)) return true;
    }
    return false;
  }

  /** Every block that is not NOT_PRESENT, in order. */
  *blocks(): Generator<number> {
    for (let block = 0; block < this.blockCount;) {
      const group = this.#groups[block >>> GROUP_SHIFT];
      if (group === undefined) block = ((block >>> GROUP_SHIFT) + 1) * BLOCKS_PER_GROUP;
      else if (!group.mayHold(block)) block = pageEnd(block);
      else {
        const end = Math.min(pageEnd(block), this.blockCount);
        for (; block < end; block++) if (this.state(block) !== BLOCK.NOT_PRESENT) yield block;
      }
    }
  }
}

function pageEnd(block: number): number {
  return (block | SLOT_MASK) + 1;
}

/** Where a page's words are, for pages that are simple. */
const NOWHERE = 0xffffffff;
const FIRST_ROOM = 4 * BLOCKS_PER_PAGE;

/** 512 pages. Blocks are given by their number in the table; the low bits count. */
class Group {
  /** The word of a page's first block, and what each next block adds. */
  readonly #first: Uint32Array;
  readonly #step: Uint32Array;
  /** Where in `#words` the words of a page are that is not that simple. */
  readonly #at: Uint32Array;
  #words = new Uint32Array(0);
  #end = 0;
  /** Places in `#words` of pages that became simple. */
  readonly #free: number[] = [];

  constructor(blockCount: number) {
    const pages = Math.min(PAGES_PER_GROUP, Math.ceil(blockCount / BLOCKS_PER_PAGE));
    this.#first = new Uint32Array(pages);
    this.#step = new Uint32Array(pages);
    this.#at = new Uint32Array(pages).fill(NOWHERE);
  }

  word(block: number): number {
    const page = (block >>> PAGE_SHIFT) & PAGE_MASK;
    const at = this.#at[page];
    const slot = block & SLOT_MASK;
    return at === NOWHERE ? this.#first[page] + this.#step[page] * slot : this.#words[at + slot];
  }

  /** How far the words of a block's page are apart, or NaN when it is not that simple. */
  step(block: number): number {
    const page = (block >>> PAGE_SHIFT) & PAGE_MASK;
    return this.#at[page] === NOWHERE ? this.#step[page] : NaN;
  }

  mayHold(block: number): boolean {
    const page = (block >>> PAGE_SHIFT) & PAGE_MASK;
    return this.#at[page] !== NOWHERE || this.#first[page] !== 0 || this.#step[page] !== 0;
  }

  set(block: number, word: number): void {
    const page = (block >>> PAGE_SHIFT) & PAGE_MASK;
    if (this.#at[page] === NOWHERE) {
      if (this.word(block) === word) return;
      this.#spreadOut(page);
    }
    this.#words[this.#at[page] + (block & SLOT_MASK)] = word;
  }

  #spreadOut(page: number): void {
    const at = this.#free.pop() ?? this.#takeRoom();
    for (let slot = 0; slot < BLOCKS_PER_PAGE; slot++) {
      this.#words[at + slot] = this.#first[page] + this.#step[page] * slot;
    }
    this.#at[page] = at;
  }

  #takeRoom(): number {
    const at = this.#end;
    this.#end += BLOCKS_PER_PAGE;
    if (this.#end > this.#words.length) {
      const all = this.#at.length * BLOCKS_PER_PAGE;
      const words = new Uint32Array(Math.min(all, Math.max(FIRST_ROOM, 2 * this.#words.length)));
      words.set(this.#words);
      this.#words = words;
    }
    return at;
  }

  /** Gives up the words of a page when its blocks up to `last` turn out to be simple. */
  settle(last: number): void {
    const at = this.#at[(last >>> PAGE_SHIFT) & PAGE_MASK];
    if (at === NOWHERE) return;
    const end = at + (last & SLOT_MASK);
    const step = end === at ? 0 : this.#words[at + 1] - this.#words[at];
    if (step < 0) return;
    for (let i = at + 1; i <= end; i++) if (this.#words[i] - this.#words[i - 1] !== step) return;
    this.setPage(last, this.#words[at], step);
  }

  /** Makes the page of a block simple. */
  setPage(block: number, first: number, step: number): void {
    const page = (block >>> PAGE_SHIFT) & PAGE_MASK;
    if (this.#at[page] !== NOWHERE) this.#free.push(this.#at[page]);
    this.#at[page] = NOWHERE;
    this.#first[page] = first;
    this.#step[page] = step;
  }
}
