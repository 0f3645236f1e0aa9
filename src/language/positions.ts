/** Lines and columns of offsets. */
import type { Position, SourceRange } from './ast.ts';

export class Positions {
  /** Offset of each line's first character; a byte order mark is not one. */
  readonly #lineStarts: number[];

  constructor(text: string) {
    this.#lineStarts = [text.startsWith('\uFEFF') ? 1 : 0];
    for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1))
      this.#lineStarts.push(at + 1);
  }

  at(offset: number): Position {
    let low = 0;
    let high = this.#lineStarts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#lineStarts[middle] <= offset) low = middle;
      else high = middle - 1;
    }
    return { offset, line: low + 1, column: Math.max(0, offset - this.#lineStarts[low]) + 1 };
  }

  range(start: number, end: number): SourceRange {
    return { start: this.at(start), end: this.at(end) };
  }
}
