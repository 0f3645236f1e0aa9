/** Places inside a word. */
import type { Position, SourceRange, Word } from './ast.ts';

/**
 * The part of a word (or of a heredoc's body) from `start` to `end`; all of it when what was taken out of the text,
 * continuations for example, moved its characters.
 */
export function rangeInside({ raw, range }: Word, start: number, end: number): SourceRange {
  if (raw.length !== range.end.offset - range.start.offset) return range;
  return { start: positionInside(raw, range.start, start), end: positionInside(raw, range.start, end) };
}

/** A part of a word as a word. */
export function wordInside(word: Word, start: number, end: number): Word {
  return { raw: word.raw.slice(start, end), range: rangeInside(word, start, end) };
}

function positionInside(raw: string, from: Position, at: number): Position {
  const lines = raw.slice(0, at).split('\n');
  const column = lines.length === 1 ? from.column + at : lines[lines.length - 1].length + 1;
  return { offset: from.offset + at, line: from.line + lines.length - 1, column };
}
