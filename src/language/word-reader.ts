/** Reads one word from left to right: quotes, escapes, variables. The rules are Docker's, not a shell's. */
import type { ErrorCode } from '../base/codes/index.ts';
import type { ErrorData } from '../base/error.ts';
import { substitute } from './substitute.ts';

export interface ReaderOptions {
  readonly escape: string;
  /** Whether quotes mean anything; in a heredoc's body they are plain characters. */
  readonly quotes: boolean;
  readonly lookup: (name: string) => string | undefined;
  readonly onUndefined: (name: string, start: number, end: number) => void;
  /** `start` and `end` are offsets in the word. */
  readonly fail: (code: ErrorCode, data: ErrorData, start: number, end: number) => never;
}

/** Names of positional and special parameters; they exist, and are empty. */
const SPECIAL = /[@*#?\-$!]/y;
const NAME = /\d+|[\p{L}_][\p{L}\p{Nd}_]*/uy;
/** Nothing of a recipe nests deeper, and nothing that a guest takes is longer. */
const MAX_DEPTH = 100;
const MAX_GROWTH_CHARACTERS = 1024 * 1024;

export class WordReader {
  readonly #source: string;
  readonly #options: ReaderOptions;
  #at = 0;
  /** Where the braces that are open now begin. */
  readonly #open: number[] = [];
  #words: string[] = [];
  #word: string | undefined;

  constructor(source: string, options: ReaderOptions) {
    this.#source = source;
    this.#options = options;
  }

  /** All of the word, and the same cut at its unprotected spaces. */
  read(): { text: string; words: string[] } {
    const text = this.readUntil('', false);
    if (this.#word !== undefined) this.#words.push(this.#word);
    return { text, words: this.#words };
  }

  /** Reads to the unprotected character `stop` and steps over it; '' is the end. Nested text may hold variables. */
  readUntil(stop: string, keepEscapes: boolean): string {
    let result = '';
    const add = (text: string, isProtected: boolean): void => {
      result += text;
      if (this.#open.length === 0) this.#addToWords(text, isProtected);
      if (result.length > this.#source.length + MAX_GROWTH_CHARACTERS)
        this.#bad(0, 'what it stands for is too long');
    };
    while (this.#at < this.#source.length) {
      const character = this.#source[this.#at];
      if (character === stop) {
        this.#at++;
        return result;
      }
      if (character === '$') add(this.#readVariable(), false);
      else if (this.#options.quotes && character === "'") add(this.#readSingleQuoted(), true);
      else if (this.#options.quotes && character === '"') add(this.#readDoubleQuoted(keepEscapes), true);
      else if (character === this.#options.escape) {
        if (keepEscapes) add(character, true);
        this.#at++;
        add(this.skip(), true);
      } else {
        add(character, false);
        this.#at++;
      }
    }
    return stop === '' ? result : this.#bad(this.#open.at(-1) ?? 0, `${stop} is missing`);
  }

  /** The next character, or '' at the end. */
  peek(): string {
    return this.#source[this.#at] ?? '';
  }

  /** The same, and steps over it. */
  skip(): string {
    const character = this.peek();
    this.#at += character.length;
    return character;
  }

  #addToWords(text: string, isProtected: boolean): void {
    if (isProtected) {
      this.#word = (this.#word ?? '') + text;
      return;
    }
    for (const part of text.split(/(\s+)/)) {
      if (part === '') continue;
      if (!/^\s/.test(part)) this.#word = (this.#word ?? '') + part;
      else if (this.#word !== undefined) {
        this.#words.push(this.#word);
        this.#word = undefined;
      }
    }
  }

  #readSingleQuoted(): string {
    const end = this.#source.indexOf("'", this.#at + 1);
    if (end === -1) return this.#unclosed("'", this.#at);
    const text = this.#source.slice(this.#at + 1, end);
    this.#at = end + 1;
    return text;
  }

  /** Only `"`, `$` and the escape character itself can be escaped in here. */
  #readDoubleQuoted(keepEscapes: boolean): string {
    const start = this.#at++;
    let result = '';
    while (this.#at < this.#source.length) {
      const character = this.#source[this.#at];
      if (character === '"') {
        this.#at++;
        return result;
      }
      if (character === '$') {
        result += this.#readVariable();
        continue;
      }
      this.#at++;
      if (character !== this.#options.escape) {
        result += character;
        continue;
      }
      const escaped = this.peek();
      const special = escaped === '"' || escaped === '$' || escaped === this.#options.escape;
      if (keepEscapes || !special) result += escaped === '' ? '' : character;
      if (special) result += this.skip();
    }
    return this.#unclosed('"', start);
  }

  /** `$name`, `${name}` and `${name<form>}`; a `$` before anything else is itself. */
  #readVariable(): string {
    const start = this.#at++;
    const braced = this.peek() === '{';
    if (braced) this.#at++;
    const name = this.#readName();
    if (!braced) {
      if (name === '') return '$';
      return this.#valueOf(name, start);
    }
    if (name === '') return this.#bad(start, 'a name goes between the braces');
    if (this.peek() === '}') {
      this.#at++;
      return this.#valueOf(name, start);
    }
    if (this.#open.push(start) > MAX_DEPTH) return this.#bad(start, 'it is nested too deep');
    const result = substitute(name, this.#options.lookup(name), this, (problem, code, data) =>
      code === undefined ? this.#bad(start, problem) : this.#options.fail(code, data ?? {}, start, this.#at),
    );
    this.#open.pop();
    return result;
  }

  #readName(): string {
    for (const pattern of [SPECIAL, NAME]) {
      pattern.lastIndex = this.#at;
      const name = pattern.exec(this.#source)?.[0];
      if (name === undefined) continue;
      this.#at += name.length;
      return name;
    }
    return '';
  }

  #valueOf(name: string, start: number): string {
    const value = this.#options.lookup(name);
    if (value === undefined && /^[\p{L}_]/u.test(name)) this.#options.onUndefined(name, start, this.#at);
    return value ?? '';
  }

  #unclosed(quote: string, start: number): never {
    return this.#options.fail('LANG_QUOTE', { quote }, start, this.#source.length);
  }

  #bad(start: number, problem: string): never {
    const text = this.#source.slice(start, Math.max(this.#at, start + 1));
    return this.#options.fail('LANG_SUBSTITUTION', { text, problem }, start, this.#at);
  }
}
