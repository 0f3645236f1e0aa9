/**
 * State and place of every payload block of one file. Memory comes in pages of 1024 blocks, and only for pages in which
 * something is not NOT_PRESENT: a small difference on a huge disk stays small.
 */
import { BLOCK } from './format.ts';

export const BLOCKS_PER_PAGE = 1024;
const PAGE_SHIFT = 10;
const PAGE_MASK = BLOCKS_PER_PAGE - 1;

interface Page {
  readonly states: Uint8Array;
  /** Where each block lies in the file, in MiB; 0 for none. */
  readonly fileMb: Uint32Array;
}

export class BlockTable {
  readonly #pages: (Page | undefined)[];

  constructor(blockCount: number) {
    this.#pages = new Array<Page | undefined>(Math.ceil(blockCount / BLOCKS_PER_PAGE)).fill(undefined);
  }

  state(block: number): number {
    const page = this.#pages[block >>> PAGE_SHIFT];
    return page === undefined ? BLOCK.NOT_PRESENT : page.states[block & PAGE_MASK];
  }

  fileMb(block: number): number {
    const page = this.#pages[block >>> PAGE_SHIFT];
    return page === undefined ? 0 : page.fileMb[block & PAGE_MASK];
  }

  set(block: number, state: number, fileMb: number): void {
    let page = this.#pages[block >>> PAGE_SHIFT];
    if (page === undefined) {
      page = { states: new Uint8Array(BLOCKS_PER_PAGE), fileMb: new Uint32Array(BLOCKS_PER_PAGE) };
      this.#pages[block >>> PAGE_SHIFT] = page;
    }
    page.states[block & PAGE_MASK] = state;
    page.fileMb[block & PAGE_MASK] = fileMb;
  }

  /** False when every block of the range is surely NOT_PRESENT; looks at whole pages only. */
  mayHold(firstBlock: number, lastBlock: number): boolean {
    for (let page = firstBlock >>> PAGE_SHIFT; page <= lastBlock >>> PAGE_SHIFT; page++) {
      if (this.#pages[page] !== undefined) return true;
    }
    return false;
  }

  /** Every block that is not NOT_PRESENT, in order. */
  *blocks(): Generator<number> {
    for (const [index, page] of this.#pages.entries()) {
      if (page === undefined) continue;
      for (let i = 0; i < BLOCKS_PER_PAGE; i++) {
        if (page.states[i] !== BLOCK.NOT_PRESENT) yield index * BLOCKS_PER_PAGE + i;
      }
    }
  }
}
