/**
 * State and place of every payload block of one file, in pages of 1024 blocks. A page whose blocks are all in one state,
 * or lie one behind the other in the file, is two numbers; any other page is an array of one 32-bit word a block. So a
 * table takes
 *
 * - nothing for a terablock (2^20 blocks) in which every block is NOT_PRESENT, and else 24 bytes for each of its pages;
 * - 4 KiB more for each page whose blocks lie in no order: at most 4 KiB for an allocated GiB in blocks of 1 MiB, 128
 *   bytes in blocks of 32 MiB.
 *
 * The largest disk there is (64 TiB in blocks of 1 MiB, all of them present) takes 1.5 MiB when it was filled from front
 * to back, and 256 MiB in the worst order.
 */
import { BLOCK } from './format.ts';

export const BLOCKS_PER_PAGE = 1024;
const PAGE_SHIFT = 10;
const SLOT_MASK = BLOCKS_PER_PAGE - 1;
const PAGES_PER_GROUP = 1024;
const GROUP_SHIFT = 20;
const PAGE_MASK = PAGES_PER_GROUP - 1;

/** A word holds the state in its low bits and above it the block's place in MiB, which has 27 bits (MAX_FILE_BYTES). */
const STATE_BITS = 3;
const STATE_MASK = (1 << STATE_BITS) - 1;

/** Pages that are allocated together. */
interface Group {
  /** The word of a page's first block, and what each next block adds; for pages without an array. */
  readonly first: Uint32Array;
  readonly step: Uint32Array;
  /** A word for each block of a page that is not that simple. */
  readonly words: (Uint32Array | undefined)[];
}

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
    const group = this.#groups[block >>> GROUP_SHIFT];
    if (group === undefined) return 0;
    const page = (block >>> PAGE_SHIFT) & PAGE_MASK;
    const words = group.words[page];
    if (words === undefined) return group.first[page] + group.step[page] * (block & SLOT_MASK);
    return words[block & SLOT_MASK];
  }

  set(block: number, state: number, fileMb: number): void {
    const word = (fileMb << STATE_BITS) | state;
    const group = this.#groupOf(block);
    const page = (block >>> PAGE_SHIFT) & PAGE_MASK;
    const slot = block & SLOT_MASK;
    let words = group.words[page];
    if (words === undefined) {
      if (group.first[page] + group.step[page] * slot === word) return;
      group.words[page] = words = spreadOut(group.first[page], group.step[page]);
    }
    words[slot] = word;
    // A table that is read or written from front to back is done with a page here.
    if (slot === SLOT_MASK || block === this.blockCount - 1) settle(group, page, slot);
  }

  /** Sets `count` blocks, all in one state; each next one lies `stepMb` MiB further on in the file. */
  fill(firstBlock: number, count: number, state: number, fileMb: number, stepMb: number): void {
    const end = firstBlock + count;
    for (let block = firstBlock; block < end;) {
      const place = fileMb + (block - firstBlock) * stepMb;
      const pageEnd = Math.min((block | SLOT_MASK) + 1, this.blockCount);
      if ((block & SLOT_MASK) === 0 && pageEnd <= end) {
        const group = this.#groupOf(block);
        setWhole(
          group,
          (block >>> PAGE_SHIFT) & PAGE_MASK,
          (place << STATE_BITS) | state,
          stepMb << STATE_BITS,
        );
        block = pageEnd;
      } else this.set(block++, state, place);
    }
  }

  #groupOf(block: number): Group {
    const index = block >>> GROUP_SHIFT;
    const known = this.#groups[index];
    if (known !== undefined) return known;
    const pages = Math.min(
      PAGES_PER_GROUP,
      ((this.blockCount - 1) >>> PAGE_SHIFT) + 1 - index * PAGES_PER_GROUP,
    );
    const words = new Array<Uint32Array | undefined>(pages).fill(undefined);
    return (this.#groups[index] = { first: new Uint32Array(pages), step: new Uint32Array(pages), words });
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
    if (group === undefined)
      return word === 0 && step === 0 ? ((block >>> GROUP_SHIFT) + 1) * 2 ** GROUP_SHIFT : block;
    const page = (block >>> PAGE_SHIFT) & PAGE_MASK;
    const isSimple =
      group.words[page] === undefined && group.step[page] === step && this.#word(block) === word;
    return isSimple ? (block | SLOT_MASK) + 1 : block;
  }

  /** False when every block of the range is surely NOT_PRESENT; looks at whole pages only. */
  mayHold(firstBlock: number, lastBlock: number): boolean {
    for (let page = firstBlock >>> PAGE_SHIFT; page <= lastBlock >>> PAGE_SHIFT; page++) {
      const group = this.#groups[page >>> (GROUP_SHIFT - PAGE_SHIFT)];
      if (group !== undefined && !isEmpty(group, page & PAGE_MASK)) return true;
    }
    return false;
  }

  /** Every block that is not NOT_PRESENT, in order. */
  *blocks(): Generator<number> {
    for (let block = 0; block < this.blockCount;) {
      const group = this.#groups[block >>> GROUP_SHIFT];
      if (group === undefined) block = ((block >>> GROUP_SHIFT) + 1) * 2 ** GROUP_SHIFT;
      else if (isEmpty(group, (block >>> PAGE_SHIFT) & PAGE_MASK)) block += BLOCKS_PER_PAGE;
      else {
        const end = Math.min(block + BLOCKS_PER_PAGE, this.blockCount);
        for (; block < end; block++) if (this.state(block) !== BLOCK.NOT_PRESENT) yield block;
      }
    }
  }
}

function spreadOut(first: number, step: number): Uint32Array {
  const words = new Uint32Array(BLOCKS_PER_PAGE);
  if (first !== 0 || step !== 0) for (let i = 0; i < words.length; i++) words[i] = first + step * i;
  return words;
}

/** Gives up the array of a page whose blocks up to `last` turn out to be simple. */
function settle(group: Group, page: number, last: number): void {
  const words = group.words[page]!;
  const step = last === 0 ? 0 : words[1] - words[0];
  if (step < 0) return;
  for (let i = 1; i <= last; i++) if (words[i] - words[i - 1] !== step) return;
  setWhole(group, page, words[0], step);
}

function setWhole(group: Group, page: number, first: number, step: number): void {
  group.words[page] = undefined;
  group.first[page] = first;
  group.step[page] = step;
}

function isEmpty(group: Group, page: number): boolean {
  return group.words[page] === undefined && group.first[page] === 0 && group.step[page] === 0;
}
