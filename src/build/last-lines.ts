/** Decodes a command's output and keeps its last lines, for the error when it fails. */
import { StringDecoder } from 'node:string_decoder';

const KEPT_LINES = 20;
const KEPT_CHARACTERS_PER_LINE = 2000;

export class LastLines {
  readonly #decoders = { stdout: new StringDecoder('utf8'), stderr: new StringDecoder('utf8') };
  #lines: string[] = [];
  /** What came after the last line end. */
  #open = '';

  /** The text of a chunk; a character cut at its end comes with the next one. */
  add(stream: 'stdout' | 'stderr', chunk: Buffer): string {
    return this.#keep(this.#decoders[stream].write(chunk));
  }

  /** What was still undecoded when the output ended. */
  end(): string {
    return this.#keep(this.#decoders.stdout.end() + this.#decoders.stderr.end());
  }

  /** At most {@link KEPT_LINES}, oldest first. */
  last(): string[] {
    return [...this.#lines, ...(this.#open === '' ? [] : [this.#open])].slice(-KEPT_LINES);
  }

  #keep(text: string): string {
    const lines = (this.#open + text).split('\n');
    this.#open = lines.pop()!.slice(-KEPT_CHARACTERS_PER_LINE);
    const ended = lines.map((line) => line.replace(/\r$/, '').slice(-KEPT_CHARACTERS_PER_LINE));
    this.#lines = [...this.#lines, ...ended].slice(-KEPT_LINES);
    return text;
  }
}
