/**
 * What comes out of a PowerShell session: frames, `<MARK:` KIND BASE64 `>`, and between them anything else that programs
 * print. Frames are ASCII, so a wrong code page or a cut character around them means nothing.
 */

export interface FrameListener {
  /** The text of one whole record. */
  readonly onRecord: (json: string) => void;
  /** A command of the session has begun or ended: what its library waits for. */
  readonly onDelimiter: (delimiter: string) => void;
  /** What was printed between frames. */
  readonly onText: (text: string) => void;
}

/** Longer than any frame that powershell/Hyperfile.Session.psm1 writes. */
const LONGEST_FRAME = 4096;

export class FrameReader {
  readonly #start: string;
  readonly #listener: FrameListener;
  #pending = '';
  #parts: Buffer[] = [];

  /** @param mark what no program prints by chance: at least 16 random letters */
  constructor(mark: string, listener: FrameListener) {
    this.#start = `<${mark}:`;
    this.#listener = listener;
  }

  /** Takes the next piece of output, cut anywhere. */
  push(chunk: string): void {
    this.#pending += chunk;
    for (;;) {
      const start = this.#pending.indexOf(this.#start);
      if (start < 0) return this.#keep(this.#possibleStart());
      if (start > 0) this.#keep(start);
      const end = this.#pending.indexOf('>');
      if (end < 0 && this.#pending.length < LONGEST_FRAME) return;
      this.#take(end);
    }
  }

  /** Gives away what is printed before `length`, and goes on with the rest. */
  #keep(length: number): void {
    if (length > 0) this.#listener.onText(this.#pending.slice(0, length));
    this.#pending = this.#pending.slice(length);
  }

  /** Where the beginning of a frame may stand that is cut off; the length of all when there is none. */
  #possibleStart(): number {
    const last = this.#pending.lastIndexOf('<');
    return last >= 0 && this.#start.startsWith(this.#pending.slice(last)) ? last : this.#pending.length;
  }

  /** A frame that is broken counts as printed text: the record it was part of never comes, which its reader notices. */
  #take(end: number): void {
    const body = this.#pending.slice(this.#start.length, end);
    if (end < 0 || !/^[CRD][A-Za-z0-9+/]+=*$/.test(body)) {
      this.#parts = [];
      return this.#keep(this.#start.length);
    }
    this.#pending = this.#pending.slice(end + 1);
    const content = body.slice(1);
    if (body.startsWith('D')) return this.#listener.onDelimiter(content);
    this.#parts.push(Buffer.from(content, 'base64'));
    if (body.startsWith('C')) return;
    const json = Buffer.concat(this.#parts).toString('utf8');
    this.#parts = [];
    this.#listener.onRecord(json);
  }
}

/** The frame of a delimiter, as a line of PowerShell writes it to a stream of the console: nothing follows it. */
export function delimiterCommand(stream: 'Out' | 'Error', mark: string, delimiter: string): string {
  return `[Console]::${stream}.Write('<${mark}:D${delimiter}>')`;
}
