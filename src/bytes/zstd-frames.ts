/**
 * Finds where zstd frames end without decompressing them: by their headers and those of their blocks (RFC 8878,
 * section 3.1). Bytes may come in pieces of any size.
 */

const FRAME_MAGIC = 0xfd2fb528;
/** 0x184d2a50 to 0x184d2a5f: data for others, such as the table of a seekable file. */
const SKIPPABLE_MAGIC = 0x184d2a5;
const BLOCK_RLE = 1;
const CHECKSUM_BYTES = 4;

/** The little-endian numbers that say what comes next, and how many bytes each has. */
const NUMBER_BYTES = { magic: 4, skippableSize: 4, descriptor: 1, block: 3 } as const;
type NumberName = keyof typeof NUMBER_BYTES;

/** Scans one frame. */
export class FrameScanner {
  readonly #unknown: () => Error;
  #kind: 'content' | 'skippable' | undefined;
  /** The number that comes after the bytes to skip; none once the frame ends with them. */
  #next: NumberName | undefined = 'magic';
  #value = 0;
  #valueBytes = 0;
  #skipBytes = 0;
  #trailerBytes = 0;

  /** `unknown`: what to throw for bytes that begin no frame. */
  constructor(unknown: () => Error) {
    this.#unknown = unknown;
  }

  /** Known after four bytes. */
  get kind(): 'content' | 'skippable' | undefined {
    return this.#kind;
  }

  get isComplete(): boolean {
    return this.#next === undefined && this.#skipBytes === 0;
  }

  /** Takes in a piece from `from` on; returns where in it the frame ends, or its length when the frame goes on. */
  scan(piece: Uint8Array, from: number): number {
    let at = from;
    while (at < piece.length && !this.isComplete) {
      if (this.#skipBytes > 0) {
        const count = Math.min(this.#skipBytes, piece.length - at);
        this.#skipBytes -= count;
        at += count;
      } else this.#takeByte(piece[at++]);
    }
    return at;
  }

  #takeByte(byte: number): void {
    const name = this.#next;
    if (name === undefined) return;
    this.#value += byte * 256 ** this.#valueBytes++;
    if (this.#valueBytes < NUMBER_BYTES[name]) return;
    const value = this.#value;
    this.#value = this.#valueBytes = 0;
    this.#takeNumber(name, value);
  }

  #takeNumber(name: NumberName, value: number): void {
    switch (name) {
      case 'magic':
        if (value !== FRAME_MAGIC && value >>> 4 !== SKIPPABLE_MAGIC) throw this.#unknown();
        this.#kind = value === FRAME_MAGIC ? 'content' : 'skippable';
        this.#next = value === FRAME_MAGIC ? 'descriptor' : 'skippableSize';
        return;
      case 'skippableSize':
        this.#skipBytes = value;
        this.#next = undefined;
        return;
      case 'descriptor':
        this.#skipBytes = headerRest(value);
        this.#trailerBytes = (value & 4) !== 0 ? CHECKSUM_BYTES : 0;
        this.#next = 'block';
        return;
      case 'block': {
        const isLast = (value & 1) === 1;
        const blockBytes = ((value >> 1) & 3) === BLOCK_RLE ? 1 : value >> 3;
        this.#skipBytes = blockBytes + (isLast ? this.#trailerBytes : 0);
        if (isLast) this.#next = undefined;
      }
    }
  }
}

/** How long a frame's header is after its descriptor. */
function headerRest(descriptor: number): number {
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const contentSizeFlag = descriptor >> 6;
  const contentSizeBytes = contentSizeFlag === 0 ? Number(isSingleSegment) : 2 ** contentSizeFlag;
  const dictionaryBytes = [0, 1, 2, 4][descriptor & 3] ?? 0;
  return (isSingleSegment ? 0 : 1) + dictionaryBytes + contentSizeBytes;
}
