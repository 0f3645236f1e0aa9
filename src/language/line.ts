/** One instruction's tokens, read as words, text, flags and heredocs. */
import type { IToken } from 'chevrotain';
import type { Flag, Heredoc, SourceRange, Word } from './ast.ts';
import { errorAt, type Diagnostic, type DiagnosticOptions } from './diagnostic.ts';
import type { ErrorCode } from '../base/codes/index.ts';
import type { TokensByName } from './grammar.ts';
import { bodyText, unquote, type HeredocBody, type HeredocMark } from './heredoc.ts';
import { rangeInside } from './word-range.ts';
import { ruleOf, type Keyword } from './instructions.ts';
import type { Positions } from './positions.ts';
import type { Scanner } from './scan.ts';
import { WordReader } from './word-reader.ts';

/** The recipe that lines are read from. */
export interface LineSource {
  readonly text: string;
  readonly scanner: Scanner;
  readonly positions: Positions;
  readonly report: (diagnostic: Diagnostic) => void;
}

export class Line {
  readonly source: LineSource;
  readonly keyword: Keyword;
  readonly range: SourceRange;
  readonly keywordWord: Word;
  readonly flags: readonly Flag[];
  readonly heredocs: readonly Heredoc[];
  readonly #tokens: TokensByName;

  constructor(source: LineSource, keyword: Keyword, all: readonly IToken[], tokens: TokensByName) {
    this.source = source;
    this.keyword = keyword;
    this.#tokens = tokens;
    this.keywordWord = this.word(all[0]);
    this.range = source.positions.range(all[0].startOffset, endOfLast(all));
    this.flags = this.tokens('Flag').map((token) => this.#flag(token));
    this.heredocs = this.#readHeredocs();
  }

  /** The recipe's text at the instruction's range. */
  get raw(): string {
    return this.source.text.slice(this.range.start.offset, this.range.end.offset);
  }

  tokens(name: string): readonly IToken[] {
    return this.#tokens[name] ?? [];
  }

  has(name: string): boolean {
    return this.tokens(name).length > 0;
  }

  /** A token's text without continuations. */
  word(token: IToken): Word {
    return this.wordBetween(token.startOffset, token.startOffset + token.image.length);
  }

  wordBetween(start: number, end: number): Word {
    const { text, scanner, positions } = this.source;
    return { raw: scanner.join(text, start, end), range: positions.range(start, end) };
  }

  /** The words of the line, or the strings of its JSON array. */
  words(): Word[] {
    if (this.has('JsonOpen')) return this.jsonWords();
    return this.tokens('Word').map((token) => this.word(token));
  }

  jsonWords(): Word[] {
    return this.tokens('JsonString').map((token) => {
      const { raw, range } = this.word(token);
      return { raw: JSON.parse(raw) as string, range };
    });
  }

  error(code: ErrorCode, range: SourceRange, options: DiagnosticOptions = {}): undefined {
    const data = { instruction: this.keyword, ...options.data };
    this.source.report(errorAt(code, range, { ...options, data }));
    return undefined;
  }

  /** Reports that the arguments do not have the form that the instruction takes. */
  needsArguments(range = this.keywordWord.range, hint?: string): undefined {
    return this.error('LANG_ARGUMENTS', range, { data: { expected: ruleOf(this.keyword).expected }, hint });
  }

  /** Reports what is wrong with the quotes and variables of a word that will be expanded. */
  checked(word: Word): Word {
    this.#check(word, this.source.scanner.escape, true);
    return word;
  }

  /** The same for a heredoc's body, where quotes mean nothing. */
  checkedText(body: Word): void {
    this.#check(body, '\\', false);
  }

  #check(word: Word, escape: string, quotes: boolean): void {
    if (!/[$'"]/.test(word.raw)) return;
    const reader = new WordReader(word.raw, {
      escape,
      quotes,
      lookup: () => 'x',
      onUndefined: () => undefined,
      fail: (code, data, start, end) => {
        this.error(code, rangeInside(word, start, end), { data });
        throw CHECK_ENDED;
      },
    });
    try {
      reader.read();
    } catch (error) {
      if (error !== CHECK_ENDED) throw error;
    }
  }

  #flag(token: IToken): Flag {
    const { raw, range } = this.word(token);
    const equals = raw.indexOf('=');
    const name = raw.slice(2, equals === -1 ? undefined : equals);
    if (equals === -1) return { name, range };
    const value = { raw: raw.slice(equals + 1), range: rangeInside({ raw, range }, equals + 1, raw.length) };
    const text = unquote(value.raw, this.source.scanner.escape);
    if (text === undefined) this.error('LANG_QUOTE', range, { data: { quote: /['"]/.exec(raw)?.[0] ?? '' } });
    return { name, range, value: { raw: text ?? '', range: value.range } };
  }

  #readHeredocs(): Heredoc[] {
    const marked = [...this.tokens('Text'), ...this.tokens('Word')];
    const marks = marked.flatMap((token) => (token.payload as HeredocMark[] | undefined) ?? []);
    const bodies = (this.tokens('HeredocBodies')[0]?.payload as HeredocBody[] | undefined) ?? [];
    return marks.map((mark, index) => this.#heredoc(mark, bodies[index]));
  }

  #heredoc(mark: HeredocMark, body: HeredocBody | undefined): Heredoc {
    const { text, positions } = this.source;
    const { name, stripTabs, expand } = mark;
    const range = positions.range(mark.start, mark.end);
    const { start, end } = body ?? { start: mark.end, end: mark.end };
    const raw = text.slice(start, end);
    if (!body?.terminated)
      this.error('LANG_HEREDOC_END', range, { data: { name }, hint: nearEnd(raw, name) });
    return {
      name,
      range,
      body: bodyText(raw, stripTabs),
      bodyRange: positions.range(start, end),
      expand,
      stripTabs,
    };
  }
}

/** Thrown to leave the reader of a word whose problem is reported. */
const CHECK_ENDED = new Error('the word was checked');

function endOfLast(tokens: readonly IToken[]): number {
  const last = tokens[tokens.length - 1];
  return last.startOffset + last.image.length;
}

function nearEnd(body: string, name: string): string | undefined {
  const found = body.split('\n').some((line) => line.trim() === name);
  return found ? `a line has ${name} with spaces around it: take them away, or use <<- and tabs` : undefined;
}
