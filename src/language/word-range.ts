/** Places inside a word. */
import type { SourceRange, Word } from './ast.ts';

/** The part of a word from `start` to `end`; all of it when continuations or quotes of a flag moved its characters. */
export function rangeInside({ raw, range }: Word, start: number, end: number): SourceRange {
  if (raw.length !== range.end.offset - range.start.offset || range.start.line !== range.end.line)
    return range;
  const move = (by: number) => ({
    offset: range.start.offset + by,
    line: range.start.line,
    column: range.start.column + by,
  });
  return { start: move(start), end: move(end) };
}

/** A part of a word as a word. */
export function wordInside(word: Word, start: number, end: number): Word {
  return { raw: word.raw.slice(start, end), range: rangeInside(word, start, end) };
}
