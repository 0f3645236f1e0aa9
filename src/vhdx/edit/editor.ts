/**
 * Changes a finished file in place so that a crash at any moment loses nothing that was committed. Payload goes to its place
 * at once; changes to tables gather as pages, and a commit brings them in through the log as one (MS-VHDX section 2.3):
 *
 *   payload durable  ->  one log entry, durable  ->  pages to their places, durable before the next entry
 *
 * A file that is only opened is not touched: the first change renews its identities in both headers and starts the log.
 * The file itself belongs to the caller, who closes it after {@link Editor.finish}.
 */
import { randomGuid, ZERO_GUID } from '../../bytes/guid.ts';
import type { BlockFile } from '../../disk/block-file.ts';
import { encodeBatEntry } from '../bat-entry.ts';
import { BAT_ENTRY_BYTES, BITMAP_PRESENT, MIB } from '../format.ts';
import { bitmapEntryIndex, payloadEntryIndex } from '../geometry.ts';
import type { Layer } from '../layer.ts';
import { LogWriter, MAX_ENTRY_PAGES } from '../log/writer.ts';
import type { Regions } from '../region.ts';
import { FileSpace } from './file-space.ts';
import { Headers } from './headers.ts';
import { ChangedPages } from './pages.ts';

/** What a change is about: `data` if the disk reads differently afterwards, else `file` (MS-VHDX section 2.2.2.1). */
export type ChangeKind = 'data' | 'file';

export class Editor {
  readonly layer: Layer;
  readonly file: BlockFile;
  readonly pages: ChangedPages;
  readonly space: FileSpace;
  /** Where the tables lie now. */
  regions: Regions;
  readonly #headers: Headers;
  readonly #newDataWriteGuid: string;
  #log: LogWriter | undefined;
  #hasNewData = false;
  /** What went wrong while tables were being written: from then on the file is as after a crash, and stays so. */
  #failure: { readonly error: unknown } | undefined;

  /**
   * @param layer opened from a writable file whose log is empty; its tables are kept up to date
   * @param newDataWriteGuid the identity that the disk gets when its data change; a random one by default
   */
  constructor(layer: Layer, newDataWriteGuid: string = randomGuid()) {
    this.layer = layer;
    this.file = layer.file;
    this.pages = new ChangedPages(layer.file);
    this.space = new FileSpace(layer.file, layer.used);
    this.regions = layer.regions;
    this.#headers = new Headers(layer.file, layer.header, layer.header.slot);
    this.#newDataWriteGuid = newDataWriteGuid;
  }

  /** The identity that children remember, as it is now. */
  get dataWriteGuid(): string {
    return this.#headers.current.dataWriteGuid;
  }

  /** Must come before a change, of the file's length and payload too. */
  begin(kind: ChangeKind): void {
    if (this.#failure) throw this.#failure.error;
    const isNewData = kind === 'data' && !this.#hasNewData;
    if (this.#log && !isNewData) return;
    this.#guarded(() => {
      const identity = isNewData ? { dataWriteGuid: this.#newDataWriteGuid } : {};
      this.#hasNewData ||= isNewData;
      if (this.#log) return this.#headers.update(identity);
      this.#headers.update({ fileWriteGuid: randomGuid(), ...identity });
      this.#startLog();
    });
  }

  /** An empty entry comes first: a header that names a log without any valid entry would make the file unreadable. */
  #startLog(): void {
    // Whole megabytes only, from here on.
    this.file.truncate(this.space.endMb * MIB);
    let { logOffset, logLength } = this.#headers.current;
    if (logLength === 0) {
      logLength = MIB;
      logOffset = this.space.allocate(1).fileMb * MIB;
    }
    this.#log = new LogWriter(this.file, logOffset, logLength, randomGuid());
    this.#log.append([], this.#fileSize());
    this.#headers.update({ logGuid: this.#log.logGuid, logVersion: 0, logOffset, logLength });
  }

  /** Commits when so many pages more would not fit into one entry. */
  makeRoom(pageCount: number): void {
    if (this.pages.count + pageCount > MAX_ENTRY_PAGES) this.commit();
  }

  /** Changes a block's state and place; the place it had is given up. */
  setBlock(block: number, state: number, fileMb: number): void {
    const { table, geometry } = this.layer;
    this.#giveUp(table.fileMb(block), geometry.blockBytes / MIB, fileMb);
    table.set(block, state, fileMb);
    this.#setEntry(payloadEntryIndex(geometry, block), state, fileMb);
  }

  /** Changes where a chunk's sector bitmap lies, 0 for nowhere; the place it had is given up. */
  setBitmapBlock(chunk: number, fileMb: number): void {
    const { bitmapMb, geometry } = this.layer;
    const before = bitmapMb.get(chunk) ?? 0;
    this.#giveUp(before, 1, fileMb);
    // What is written there from now on is no table.
    this.pages.forget(before * MIB, MIB);
    if (fileMb === 0) bitmapMb.delete(chunk);
    else bitmapMb.set(chunk, fileMb);
    this.#setEntry(bitmapEntryIndex(geometry, chunk), fileMb === 0 ? 0 : BITMAP_PRESENT, fileMb);
  }

  #giveUp(fileMb: number, countMb: number, unless: number): void {
    if (fileMb !== 0 && fileMb !== unless) this.space.giveUp({ fileMb, countMb });
  }

  #setEntry(index: number, state: number, fileMb: number): void {
    const fileOffset = this.regions.bat.fileOffset + index * BAT_ENTRY_BYTES;
    this.pages.patch(fileOffset, encodeBatEntry(state, fileMb));
  }

  /** Makes all changes durable, those of the tables at once or not at all. */
  commit(): void {
    if (this.#failure) throw this.#failure.error;
    this.#guarded(() => {
      this.file.flush();
      if (this.pages.count === 0) return;
      if (this.#log === undefined) throw new Error('tables were changed before begin()');
      this.#log.append(this.pages.changes(), this.#fileSize());
      this.file.flush();
      this.pages.apply();
      this.space.settle();
    });
  }

  /** Ends the file at its last place in use, in MiB from the start. Nothing must be waiting for a commit. */
  cutAfter(endMb: number): void {
    this.begin('file');
    this.#guarded(() => {
      this.file.flush();
      // The log must not speak of more than there will be.
      const size = endMb * MIB;
      this.#log!.append([], { flushedFileBytes: size, lastFileBytes: size });
      this.file.flush();
      this.space.cut(endMb);
    });
  }

  #fileSize(): { flushedFileBytes: number; lastFileBytes: number } {
    const size = this.space.endMb * MIB;
    return { flushedFileBytes: size, lastFileBytes: size };
  }

  /** Commits and ends the log. After a failure it does nothing: the next open finds what was committed. */
  finish(): void {
    if (this.#failure || this.#log === undefined) return;
    this.commit();
    this.#headers.update({ logGuid: ZERO_GUID });
    this.#log = undefined;
  }

  #guarded(change: () => void): void {
    try {
      change();
    } catch (error) {
      this.#failure = { error };
      throw error;
    }
  }
}
