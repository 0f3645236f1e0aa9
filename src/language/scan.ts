/**
 * Finds the ends of things in a recipe's text: continuations, gaps, words, lines. Every function takes an offset and
 * gives one back; each character is looked at a bounded number of times, so no input is slow.
 */

export interface Scanner {
  readonly escape: string;
  /** End of the line continuation at `at`, with the comments and empty lines after it; `at` when there is none. */
  continuationEnd(text: string, at: number): number;
  /** End of spaces and continuations. */
  gapEnd(text: string, at: number): number;
  /** End of a word: a quote may hold spaces; with `escapedSpaces` an escape may too. Continuations are in it. */
  wordEnd(text: string, at: number, escapedSpaces: boolean): number;
  /** End of the line that goes on over continuations, without the spaces at its end. */
  lineEnd(text: string, at: number): number;
  /** The text from `start` to `end` on one line, without continuations. */
  join(text: string, start: number, end: number): string;
}

/** `escape` is the escape character: `\` or a backtick. */
export function createScanner(escape: string): Scanner {
  const blankOrComment = /[^\S\n]*(?:#[^\n]*)?(?:\n|$)/y;
  const lineBreak = /[ \t]*\r*(?:\n|$)/y;

  const continuationEnd = (text: string, at: number): number => {
    if (text[at] !== escape || text[at - 1] === escape) return at;
    lineBreak.lastIndex = at + 1;
    if (!lineBreak.test(text)) return at;
    let end = lineBreak.lastIndex;
    while (end < text.length) {
      blankOrComment.lastIndex = end;
      if (!blankOrComment.test(text)) break;
      end = blankOrComment.lastIndex;
    }
    return end;
  };

  const gapEnd = (text: string, at: number): number => {
    let end = at;
    while (end < text.length) {
      const next = isSpace(text, end) ? end + 1 : continuationEnd(text, end);
      if (next === end) break;
      end = next;
    }
    return end;
  };

  /** Where the quote at `at` closes, one past; -1 when the line ends first. */
  const quoteEnd = (text: string, at: number): number => {
    const quote = text[at];
    let end = at + 1;
    while (end < text.length && text[end] !== '\n') {
      if (text[end] === quote) return end + 1;
      const next = continuationEnd(text, end);
      if (next > end) end = next;
      else end += text[end] === escape && quote === '"' && text[end + 1] !== '\n' ? 2 : 1;
    }
    return -1;
  };

  const wordEnd = (text: string, at: number, escapedSpaces: boolean): number => {
    const unclosed = { "'": false, '"': false };
    let last = at;
    for (let end = at; end < text.length && text[end] !== '\n' && !isSpace(text, end);) {
      const character = text[end];
      const next = continuationEnd(text, end);
      if (next > end) {
        end = next;
        continue;
      }
      if (character === escape) {
        const escaped = text[end + 1];
        const alone = escaped === undefined || escaped === '\n' || (isSpace(text, end + 1) && !escapedSpaces);
        end += alone ? 1 : 2;
      } else if ((character === "'" || character === '"') && !unclosed[character]) {
        const close = quoteEnd(text, end);
        unclosed[character] = close === -1;
        end = close === -1 ? end + 1 : close;
      } else end++;
      last = end;
    }
    return last;
  };

  const lineEnd = (text: string, at: number): number => {
    let last = at;
    for (let end = at; end < text.length && text[end] !== '\n';) {
      const next = continuationEnd(text, end);
      if (next > end) end = next;
      else if (!isSpace(text, end++)) last = end;
    }
    return last;
  };

  const join = (text: string, start: number, end: number): string => {
    const slice = text.slice(start, end);
    let result = '';
    let from = 0;
    for (let at = slice.indexOf(escape); at !== -1; at = slice.indexOf(escape, at)) {
      const next = continuationEnd(text, start + at) - start;
      if (next > at) {
        result += slice.slice(from, at);
        from = next;
      }
      at = Math.max(at + 1, next);
    }
    return result + slice.slice(from);
  };

  return { escape, continuationEnd, gapEnd, wordEnd, lineEnd, join };
}

/** What Docker cuts at: space, tab, carriage return, vertical tab, form feed. */
export function isSpace(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === 32 || code === 9 || code === 13 || code === 11 || code === 12;
}
