/**
 * The pages of a chain's index, within a bound: when they take more, those go that nobody looked at for longest. What is
 * gone is found out again when somebody asks.
 */
import { IndexPage, type UniformPage } from './index-page.ts';

export class PageCache {
  readonly #limitBytes: number;
  /** Undefined: not known, or forgotten. */
  readonly #pages: (IndexPage | UniformPage | undefined)[] = [];
  /** The pages that take memory, those that will be looked at for forgetting first in front. */
  readonly #queue = new Map<number, IndexPage>();
  #bytes = 0;

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Bytes of all pages. */
  get bytes(): number {
    return this.#bytes;
  }

  get(index: number): IndexPage | UniformPage | undefined {
    const page = this.#pages[index];
    if (page instanceof IndexPage) page.wasUsed = true;
    return page;
  }

  set(index: number, page: IndexPage | UniformPage): void {
    this.#pages[index] = page;
    if (!(page instanceof IndexPage)) return;
    this.#queue.set(index, page);
    this.#charge(page, page.bytes);
  }

  /** Forgets a page that takes no memory. */
  unset(index: number): void {
    if (!(this.#pages[index] instanceof IndexPage)) this.#pages[index] = undefined;
  }

  clear(): void {
    this.#pages.length = 0;
    this.#queue.clear();
    this.#bytes = 0;
  }

  /** Lets a page change its size. */
  change(page: IndexPage, body: () => void): void {
    const before = page.bytes;
    body();
    this.#charge(page, page.bytes - before);
  }

  #charge(page: IndexPage, bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#limitBytes) this.#shrink(page);
  }

  /** Pages that were used since the last time get a second chance; `kept` stays whatever happens. */
  #shrink(kept: IndexPage): void {
    for (const [index, page] of this.#queue) {
      if (this.#bytes <= this.#limitBytes) return;
      if (page === kept) continue;
      this.#queue.delete(index);
      if (page.wasUsed) {
        page.wasUsed = false;
        this.#queue.set(index, page);
      } else {
        this.#bytes -= page.bytes;
        this.#pages[index] = undefined;
      }
    }
  }
}
