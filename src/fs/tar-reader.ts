/** Reads a tar archive that arrives in pieces; synchronous, so that ten thousand small files cost no promises. */
import { HyperfileError } from '../base/error.ts';
import {
  BLOCK_BYTES,
  decodePax,
  decodeSparseHeader,
  decodeSparsePairs,
  decodeTarHeader,
  type TarExtension,
  type TarHeader,
} from '../bytes/tar-header.ts';
import { makeTarEntry, type SparsePiece, type TarEntry } from './tar-entry.ts';

/** Receives what the archive holds. Pieces of data are only valid during the call. */
export interface TarHandler {
  entry(entry: TarEntry): void;
  /** Bytes of the last entry, in order. */
  data(piece: Buffer): void;
  /** The last entry is complete. */
  endEntry(): void;
}

/** Extension headers are kept in memory: the kernel's limits on names and attributes are far below this. */
const LARGEST_EXTENSION_BYTES = 1024 * 1024;
/** Real archives have one or two. */
const MOST_GLOBAL_RECORDS = 256;

type State =
  | { readonly is: 'header' }
  | { readonly is: 'data'; left: number }
  | { readonly is: 'skip'; left: number }
  | { readonly is: 'collect'; left: number; readonly parts: Buffer[]; readonly done: (data: Buffer) => void }
  | { readonly is: 'end' };

export class TarReader {
  readonly #handler: TarHandler;
  readonly #archive: string;
  #state: State = { is: 'header' };
  /** Less than a block, waiting for the rest. */
  #partial: Buffer = Buffer.alloc(0);
  #global = new Map<string, Buffer>();
  #pax = new Map<string, Buffer>();
  #longName: Buffer | undefined;
  #longLink: Buffer | undefined;
  #padding = 0;
  #any = false;

  /** `archive`: what errors call it. */
  constructor(archive: string, handler: TarHandler) {
    this.#archive = archive;
    this.#handler = handler;
  }

  /** @throws HyperfileError FS_ARCHIVE_CORRUPT, FS_NAME_INVALID, and what the handler throws */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      const state = this.#state;
      if (state.is === 'end') return;
      at = state.is === 'header' ? this.#takeBlock(chunk, at) : this.#takeBytes(state, chunk, at);
    }
  }

  /**
   * Tells that nothing more comes. Without its end mark an archive may have lost its last entries; where its digest
   * says that it did not, the mark may be missing, and what fills the last block up: some programs leave them out.
   *
   * @throws HyperfileError FS_ARCHIVE_CUT_SHORT
   */
  end({ needsMark = true }: { readonly needsMark?: boolean } = {}): void {
    const state = this.#state;
    if (state.is === 'end') return;
    const isBetween =
      state.is === 'header' || (!needsMark && state.is === 'skip' && state.left < BLOCK_BYTES);
    const inEntry = !isBetween || this.#partial.length > 0 || this.#longName || this.#pax.size > 0;
    const detail = inEntry ? 'it ends in the middle of an entry' : 'its end mark is missing';
    if (inEntry || (this.#any && needsMark))
      throw new HyperfileError('FS_ARCHIVE_CUT_SHORT', { data: { archive: this.#archive, detail } });
  }

  #takeBlock(chunk: Buffer, at: number): number {
    const missing = BLOCK_BYTES - this.#partial.length;
    const piece = chunk.subarray(at, at + missing);
    if (piece.length < missing) {
      this.#partial = Buffer.concat([this.#partial, piece]);
      return chunk.length;
    }
    const block = this.#partial.length === 0 ? piece : Buffer.concat([this.#partial, piece]);
    this.#partial = Buffer.alloc(0);
    this.#header(block);
    return at + missing;
  }

  #takeBytes(state: Exclude<State, { is: 'header' | 'end' }>, chunk: Buffer, at: number): number {
    const piece = chunk.subarray(at, at + state.left);
    state.left -= piece.length;
    if (state.is === 'data') this.#handler.data(piece);
    else if (state.is === 'collect') state.parts.push(Buffer.from(piece));
    if (state.left === 0) this.#bytesDone(state);
    return at + piece.length;
  }

  #bytesDone(state: Exclude<State, { is: 'header' | 'end' }>): void {
    if (state.is === 'data') this.#handler.endEntry();
    const padding = state.is === 'skip' ? 0 : this.#padding;
    this.#state = padding > 0 ? { is: 'skip', left: padding } : { is: 'header' };
    if (state.is === 'collect') state.done(Buffer.concat(state.parts));
  }

  #header(block: Buffer): void {
    if (block[0] === 0 && block.every((byte) => byte === 0)) {
      this.#state = { is: 'end' };
      return;
    }
    const header = decodeTarHeader(block);
    if (!header || !(header.sizeBytes >= 0))
      throw this.#corrupt(this.#any ? 'a header is broken' : 'it is no tar archive');
    this.#any = true;
    if (isExtension(header.kind)) this.#extension(header, block);
    else this.#entry(header);
  }

  #extension(header: TarHeader, block: Buffer): void {
    switch (header.kind) {
      case 'pax':
      case 'pax-global':
        this.#collect(header.sizeBytes, (data) => this.#takePax(data, header.kind === 'pax-global'));
        break;
      case 'long-name':
        this.#collect(header.sizeBytes, (data) => (this.#longName = untilZero(data)));
        break;
      case 'long-link':
        this.#collect(header.sizeBytes, (data) => (this.#longLink = untilZero(data)));
        break;
      case 'sparse':
        this.#oldSparse(header, block);
        break;
      default:
        // Volume labels and the like: nothing to unpack.
        this.#forgetExtensions();
        this.#skip(header.sizeBytes);
    }
  }

  #collect(sizeBytes: number, done: (data: Buffer) => void): void {
    if (sizeBytes > LARGEST_EXTENSION_BYTES) throw this.#corrupt('an extended header is too long');
    this.#padding = paddingOf(sizeBytes);
    if (sizeBytes === 0) done(Buffer.alloc(0));
    else this.#state = { is: 'collect', left: sizeBytes, parts: [], done };
  }

  #takePax(data: Buffer, isGlobal: boolean): void {
    const records = decodePax(data);
    if (!records) throw this.#corrupt('an extended header is broken');
    const target = isGlobal ? this.#global : this.#pax;
    for (const [key, value] of records) target.set(key, value);
    if (this.#global.size > MOST_GLOBAL_RECORDS) throw this.#corrupt('it has too many global headers');
  }

  #entry(header: TarHeader): void {
    const entry = this.#merge(header);
    const sparse = this.#sparseOf(entry);
    if (sparse === 'in the data') this.#collectMap(entry);
    else this.#start(sparse ? { ...entry, ...sparse } : entry, entry.sizeBytes);
  }

  /** Only files have data; sizes that archives give for links and directories mean nothing. */
  #start(entry: TarEntry, storedBytes: number): void {
    this.#handler.entry(entry);
    const hasData = entry.kind === 'file' && storedBytes > 0;
    this.#padding = hasData ? paddingOf(storedBytes) : 0;
    this.#state = hasData ? { is: 'data', left: storedBytes } : { is: 'header' };
    if (!hasData) this.#handler.endEntry();
  }

  #skip(sizeBytes: number): void {
    const left = sizeBytes + paddingOf(sizeBytes);
    this.#state = left > 0 ? { is: 'skip', left } : { is: 'header' };
  }

  #merge(header: TarHeader): TarEntry {
    const pax = this.#global.size === 0 ? this.#pax : new Map([...this.#global, ...this.#pax]);
    const entry = makeTarEntry(
      header,
      {
        pax,
        ...(this.#longName && { longName: this.#longName }),
        ...(this.#longLink && { longLink: this.#longLink }),
      },
      this.#archive,
    );
    this.#sparsePax = pax.has('GNU.sparse.major') || pax.has('GNU.sparse.map') ? pax : undefined;
    this.#forgetExtensions();
    return entry;
  }

  #sparsePax: ReadonlyMap<string, Buffer> | undefined;

  /** GNU sparse formats 0.1 and 1.0, in pax headers. */
  #sparseOf(entry: TarEntry): { sizeBytes: number; pieces: SparsePiece[] } | 'in the data' | undefined {
    const pax = this.#sparsePax;
    if (!pax || entry.kind !== 'file') return undefined;
    if (pax.get('GNU.sparse.major')?.toString() === '1') return 'in the data';
    const numbers = (pax.get('GNU.sparse.map') ?? Buffer.alloc(0)).toString('latin1').split(',').map(Number);
    return { sizeBytes: this.#realSize(pax, 'GNU.sparse.size'), pieces: this.#pairs(numbers) };
  }

  /** Format 1.0: the data begins with the map, decimal numbers on lines, filled up to whole blocks. */
  #collectMap(entry: TarEntry): void {
    const sizeBytes = this.#realSize(this.#sparsePax ?? new Map<string, Buffer>(), 'GNU.sparse.realsize');
    const numbers: number[] = [];
    let openLine = '';
    let used = 0;
    const more = (data: Buffer): void => {
      used += BLOCK_BYTES;
      const lines = (openLine + data.toString('latin1')).split('\n');
      openLine = lines.pop() ?? '';
      for (const line of lines) numbers.push(Number(line));
      const [count = Number.POSITIVE_INFINITY] = numbers;
      if (numbers.length > 2 * count) {
        const pieces = this.#pairs(numbers.slice(1, 1 + 2 * count));
        this.#start({ ...entry, sizeBytes, pieces }, entry.sizeBytes - used);
      } else this.#collectMapBlock(entry.sizeBytes - used, more);
    };
    this.#collectMapBlock(entry.sizeBytes, more);
  }

  #collectMapBlock(leftBytes: number, done: (data: Buffer) => void): void {
    if (leftBytes < BLOCK_BYTES) throw this.#corrupt('a sparse map is broken');
    this.#padding = 0;
    this.#state = { is: 'collect', left: BLOCK_BYTES, parts: [], done };
  }

  #oldSparse(header: TarHeader, block: Buffer): void {
    const { pairs, extended, sizeBytes } = decodeSparseHeader(block);
    const entry = this.#merge(header);
    const start = (): void =>
      this.#start({ ...entry, sizeBytes, pieces: this.#pairs(pairs.flat()) }, entry.sizeBytes);
    const more = (data: Buffer): void => {
      pairs.push(...decodeSparsePairs(data, 0, 21));
      if (data[504] === 0) start();
      else this.#state = { is: 'collect', left: BLOCK_BYTES, parts: [], done: more };
    };
    this.#padding = 0;
    if (extended) this.#state = { is: 'collect', left: BLOCK_BYTES, parts: [], done: more };
    else start();
  }

  #realSize(pax: ReadonlyMap<string, Buffer>, key: string): number {
    const size = Number(pax.get(key)?.toString('latin1') ?? Number.NaN);
    if (!Number.isSafeInteger(size) || size < 0) throw this.#corrupt('a sparse file has no length');
    return size;
  }

  #pairs(numbers: readonly number[]): SparsePiece[] {
    const pieces: SparsePiece[] = [];
    for (let index = 0; index + 1 < numbers.length; index += 2)
      pieces.push([numbers[index], numbers[index + 1]]);
    if (!pieces.flat().every((value) => Number.isSafeInteger(value) && value >= 0))
      throw this.#corrupt('a sparse map is broken');
    return pieces;
  }

  #forgetExtensions(): void {
    if (this.#pax.size > 0) this.#pax = new Map();
    this.#longName = undefined;
    this.#longLink = undefined;
  }

  #corrupt(detail: string): HyperfileError {
    return new HyperfileError('FS_ARCHIVE_CORRUPT', { data: { archive: this.#archive, detail } });
  }
}

function isExtension(kind: TarHeader['kind']): kind is TarExtension {
  return ['pax', 'pax-global', 'long-name', 'long-link', 'sparse', 'unknown'].includes(kind);
}

function paddingOf(sizeBytes: number): number {
  return (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
}

function untilZero(data: Buffer): Buffer {
  const end = data.indexOf(0);
  return end < 0 ? data : data.subarray(0, end);
}
