/** Questions on a terminal, and answers that do not show. */
import { HyperfileError } from '../base/error.ts';
import type { Console, InputStream } from './console.ts';

const INTERRUPT = '\u0003';
const END = '\u0004';
const ERASE_LINE = '\u0015';
const BACKSPACES = ['\u007f', '\b'];
const ENTERS = ['\r', '\n'];

export class Prompt {
  readonly #console: Console;
  readonly #input: InputStream;
  readonly #chunks: AsyncIterator<Uint8Array | string>;
  /** Typed ahead of the next question. */
  #pending: string[] = [];

  /** @throws HyperfileError CLI_USAGE when there is nobody to ask */
  constructor(console: Console, instead: string) {
    if (!console.input.isTTY) {
      const problem = 'the standard input is no terminal to ask on';
      throw new HyperfileError('CLI_USAGE', { data: { problem }, hint: instead });
    }
    this.#console = console;
    this.#input = console.input;
    this.#chunks = console.input[Symbol.asyncIterator]();
  }

  /** @throws HyperfileError INTERRUPTED, CLI_USAGE when the input ends */
  async ask(question: string): Promise<string> {
    this.#console.err.write(question);
    return this.#line();
  }

  /** What is typed does not show. @throws HyperfileError INTERRUPTED, CLI_USAGE when the input ends */
  async askSecret(question: string): Promise<string> {
    this.#console.err.write(question);
    this.#input.setRawMode?.(true);
    try {
      return await this.#line();
    } finally {
      this.#input.setRawMode?.(false);
      this.#console.err.write('\n');
    }
  }

  /** Lets go of the input, so that the program can end. */
  async close(): Promise<void> {
    await this.#chunks.return?.();
  }

  /** The keys of line editing matter in raw mode only; otherwise the terminal has dealt with them. */
  async #line(): Promise<string> {
    let typed: string[] = [];
    for (;;) {
      const key = await this.#key();
      if (key === INTERRUPT) throw new HyperfileError('INTERRUPTED', { hint: 'Run the command again.' });
      if (ENTERS.includes(key)) return typed.join('');
      if (key === END && typed.length === 0) throw ended();
      if (BACKSPACES.includes(key)) typed.pop();
      else if (key === ERASE_LINE) typed = [];
      else if (key >= ' ') typed.push(key);
    }
  }

  async #key(): Promise<string> {
    while (this.#pending.length === 0) {
      const next = await this.#chunks.next();
      if (next.done) throw ended();
      const text = typeof next.value === 'string' ? next.value : Buffer.from(next.value).toString('utf8');
      // One Enter is CR LF on some systems.
      this.#pending = [...text.replace(/\r\n/g, '\n')];
    }
    return this.#pending.shift() ?? '';
  }
}

function ended(): HyperfileError {
  return new HyperfileError('CLI_USAGE', { data: { problem: 'the input ended before there was an answer' } });
}
