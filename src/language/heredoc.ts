/** Heredocs: their words on an instruction's line, and the lines that follow it. */
import type { Scanner } from './scan.ts';

/** `[fd]<<[-]NAME` on a line. */
export interface HeredocMark {
  readonly name: string;
  readonly stripTabs: boolean;
  /** False when NAME has quotes. */
  readonly expand: boolean;
  readonly start: number;
  readonly end: number;
}

/** Where a heredoc's lines lie. */
export interface HeredocBody {
  readonly start: number;
  /** Where its last line begins, the one with its name; the text's end when there is none. */
  readonly end: number;
  readonly terminated: boolean;
}

const MARK = /^\d*<<(-?)\s*([^<]+)$/;

/** The heredoc mark at `at`, where a word begins. The name may be set off by spaces, as in a shell. */
export function heredocMarkAt(text: string, at: number, scanner: Scanner): HeredocMark | undefined {
  let end = scanner.wordEnd(text, at, true);
  const word = scanner.join(text, at, end);
  if (/^\d*<<$/.test(word)) end = scanner.wordEnd(text, scanner.gapEnd(text, end), true);
  else if (!word.includes('<<')) return undefined;
  const [, dash, rest] = MARK.exec(scanner.join(text, at, end)) ?? [];
  const name = rest === undefined ? undefined : unquote(rest, '\\');
  if (name === undefined || name === '' || /\s/.test(name)) return undefined;
  return { name, stripTabs: dash === '-', expand: !/['"]/.test(rest), start: at, end };
}

/** Every heredoc mark of the line from `start` to `end`. */
export function heredocMarks(text: string, start: number, end: number, scanner: Scanner): HeredocMark[] {
  const marks: HeredocMark[] = [];
  if (!text.slice(start, end).includes('<<')) return marks;
  for (let at = scanner.gapEnd(text, start); at < end; at = scanner.gapEnd(text, at)) {
    const mark = heredocMarkAt(text, at, scanner);
    if (mark) marks.push(mark);
    at = mark?.end ?? Math.max(at + 1, scanner.wordEnd(text, at, true));
  }
  return marks;
}

/** Finds the lines that end heredocs. All lines are looked at once, when the first heredoc comes. */
export class HeredocEnds {
  readonly #text: string;
  #exact: Map<string, number[]> | undefined;
  readonly #withoutTabs = new Map<string, number[]>();

  constructor(text: string) {
    this.#text = text;
  }

  /** The bodies of marks, one after the other, from the line that begins at `start`. */
  bodies(start: number, marks: readonly HeredocMark[]): HeredocBody[] {
    let at = start;
    return marks.map((mark) => {
      const end = this.#find(mark, at);
      const body = { start: at, end: end ?? this.#text.length, terminated: end !== undefined };
      at = lineAfter(this.#text, body.end);
      return body;
    });
  }

  /** Where the first line from `start` on that ends the heredoc begins. */
  #find({ name, stripTabs }: HeredocMark, start: number): number | undefined {
    this.#exact ??= this.#index();
    const offsets = (stripTabs ? this.#withoutTabs : this.#exact).get(name) ?? [];
    let low = 0;
    for (let high = offsets.length; low < high;) {
      const middle = (low + high) >> 1;
      if (offsets[middle] < start) low = middle + 1;
      else high = middle;
    }
    return offsets[low];
  }

  #index(): Map<string, number[]> {
    const exact = new Map<string, number[]>();
    for (let at = 0; at < this.#text.length; at = lineAfter(this.#text, at)) {
      const line = this.#text.slice(at, lineAfter(this.#text, at)).replace(/[\r\n]+$/, '');
      addOffset(exact, line, at);
      addOffset(this.#withoutTabs, line.replace(/^\t+/, ''), at);
    }
    return exact;
  }
}

function addOffset(offsets: Map<string, number[]>, line: string, at: number): void {
  const known = offsets.get(line);
  if (known) known.push(at);
  else offsets.set(line, [at]);
}

/** The lines of a body as the guest gets them: ended by `\n` alone, without the tabs that `<<-` takes off. */
export function bodyText(raw: string, stripTabs: boolean): string {
  const text = raw.replaceAll('\r\n', '\n');
  return stripTabs ? text.replace(/^\t+/gm, '') : text;
}

/** A word without its quotes and escapes, variables left alone; undefined when a quote is not closed. */
export function unquote(word: string, escape: string): string | undefined {
  let result = '';
  let quote = '';
  for (let at = 0; at < word.length; at++) {
    const character = word[at];
    if (character === quote) quote = '';
    else if (quote === '' && (character === "'" || character === '"')) quote = character;
    else if (character === escape && quote !== "'") result += word[++at] ?? '';
    else result += character;
  }
  return quote === '' ? result : undefined;
}

function lineAfter(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end + 1;
}
