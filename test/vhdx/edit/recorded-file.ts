/**
 * A file in memory that remembers every write, so that a test can ask what its storage would hold had the machine lost
 * power at any moment: everything up to the last flush, and of what came after any part in any order, writes torn between
 * sectors included.
 */
import { HyperfileError } from '../../../src/base/error.ts';
import { MemoryFile } from '../../../src/disk/memory-file.ts';

interface Operation {
  readonly file: RecordedFile;
  readonly what:
    | { readonly kind: 'write'; readonly fileOffset: number; readonly bytes: Uint8Array }
    | { readonly kind: 'grow' | 'cut'; readonly sizeBytes: number }
    | { readonly kind: 'flush' };
}

/** A source of numbers from 0 up to 1, so that a failing case can be repeated. */
export type Dice = () => number;

/** What happened to some files, in order. */
export class Journal {
  readonly operations: Operation[] = [];
  /** After so many operations every further one fails. */
  failsAt = Infinity;
  /** What storage writes as a whole. */
  readonly atomBytes: number;

  constructor(atomBytes = 512) {
    this.atomBytes = atomBytes;
  }

  get count(): number {
    return this.operations.length;
  }

  /** What the storage may hold of a file if power goes after `count` operations: one of many answers, as the dice fall. */
  afterCrash(file: RecordedFile, count: number, dice: Dice): MemoryFile {
    const happened = this.operations
      .slice(0, count)
      .flatMap((operation) => (operation.file === file ? [operation.what] : []));
    const flushed = happened.findLastIndex(({ kind }) => kind === 'flush') + 1;
    const image = new MemoryFile(file.path);
    for (const operation of happened.slice(0, flushed)) apply(image, operation);
    const loose = happened.slice(flushed);
    // All of it, none of it, or some of it.
    const kept = dice();
    const reached = loose.filter(() => kept > 0.8 || (kept > 0.2 && dice() < 0.5));
    if (dice() < 0.5) shuffle(reached, dice);
    for (const operation of reached)
      apply(image, dice() < 0.2 ? torn(operation, this.atomBytes, dice) : operation);
    return image;
  }
}

export class RecordedFile extends MemoryFile {
  readonly #journal: Journal;

  constructor(path: string, journal: Journal) {
    super(path);
    this.#journal = journal;
  }

  override writeAt(source: Uint8Array, at: number, length: number, fileOffset: number): void {
    if (length === 0) return;
    this.#record({ kind: 'write', fileOffset, bytes: source.slice(at, at + length) });
    super.writeAt(source, at, length, fileOffset);
  }

  override truncate(sizeBytes: number): void {
    this.#record({ kind: sizeBytes < this.sizeBytes() ? 'cut' : 'grow', sizeBytes });
    super.truncate(sizeBytes);
  }

  override flush(): void {
    this.#record({ kind: 'flush' });
  }

  #record(what: Operation['what']): void {
    if (this.#journal.count >= this.#journal.failsAt) {
      throw new HyperfileError('DISK_IO', {
        data: { path: this.path, action: 'write', problem: 'it is gone' },
      });
    }
    this.#journal.operations.push({ file: this, what });
  }
}

function apply(file: MemoryFile, operation: Operation['what']): void {
  if (operation.kind === 'write')
    file.writeAt(operation.bytes, 0, operation.bytes.length, operation.fileOffset);
  else if (operation.kind === 'cut') file.truncate(operation.sizeBytes);
  else if (operation.kind === 'grow') file.truncate(Math.max(operation.sizeBytes, file.sizeBytes()));
}

/** The first sectors of a write, or the last. */
function torn(operation: Operation['what'], atomBytes: number, dice: Dice): Operation['what'] {
  if (operation.kind !== 'write' || operation.bytes.length <= atomBytes) return operation;
  const atoms = Math.floor(operation.bytes.length / atomBytes);
  const cut = (1 + Math.floor(dice() * (atoms - 1))) * atomBytes;
  if (dice() < 0.5) return { ...operation, bytes: operation.bytes.subarray(0, cut) };
  return {
    kind: 'write',
    fileOffset: operation.fileOffset + cut,
    bytes: operation.bytes.subarray(cut),
  };
}

function shuffle(list: Operation['what'][], dice: Dice): void {
  for (let i = list.length - 1; i > 0; i--) {
    const other = Math.floor(dice() * (i + 1));
    [list[i], list[other]] = [list[other], list[i]];
  }
}

/** Mulberry32: small, good enough, and the same everywhere. */
export function diceOf(seed: number): Dice {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
