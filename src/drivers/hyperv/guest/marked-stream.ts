/**
 * What comes over SSH from a command: its output, and records of the script around it, `MARK text LF`, which the
 * command itself cannot know how to write. Output is passed on at once; only what may be the beginning of a mark waits.
 */

export interface MarkedListener {
  readonly onText: (chunk: Buffer) => void | Promise<void>;
  readonly onRecord: (text: string) => void;
}

export class MarkedStream {
  readonly #mark: Buffer;
  readonly #listener: MarkedListener;
  #pending: Buffer = Buffer.alloc(0);

  /** @param mark what no command writes by chance: at least 16 random letters */
  constructor(mark: string, listener: MarkedListener) {
    this.#mark = Buffer.from(mark);
    this.#listener = listener;
  }

  /** Takes the next piece, cut anywhere. */
  async push(chunk: Buffer): Promise<void> {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    for (;;) {
      const start = this.#pending.indexOf(this.#mark);
      await this.#passOn(start < 0 ? this.#pending.length - this.#possibleMark() : start);
      if (start < 0) return;
      const end = this.#pending.indexOf('\n');
      if (end < 0) return;
      const text = this.#pending.toString('latin1', this.#mark.length, end);
      this.#pending = this.#pending.subarray(end + 1);
      this.#listener.onRecord(text);
    }
  }

  /** The stream has ended: what was kept is output. */
  async end(): Promise<void> {
    await this.#passOn(this.#pending.length);
  }

  async #passOn(length: number): Promise<void> {
    const text = this.#pending.subarray(0, length);
    this.#pending = this.#pending.subarray(length);
    if (text.length > 0) await this.#listener.onText(text);
  }

  /** How many of the last bytes may be the beginning of a mark. */
  #possibleMark(): number {
    const most = Math.min(this.#mark.length - 1, this.#pending.length);
    for (let length = most; length > 0; length--)
      if (this.#pending.subarray(-length).equals(this.#mark.subarray(0, length))) return length;
    return 0;
  }
}
