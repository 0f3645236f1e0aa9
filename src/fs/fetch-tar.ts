/** Takes a tar archive apart as it arrives: what its files are into a tree, their bytes one after another into a file. */
import { closeSync, ftruncateSync } from 'node:fs';
import { diskFullAt } from '../base/atomic-file.ts';
import { HyperfileError } from '../base/error.ts';
import type { FetchedTree } from './fetched-tree.ts';
import { openNew, writeAll } from './file-content.ts';
import type { SparsePiece, TarEntry } from './tar-entry.ts';
import { TarReader, type TarHandler } from './tar-reader.ts';

export interface FetchTarOptions {
  /** Made anew; it is needed as long as the tree is. Holes of files are holes of it. */
  readonly spoolPath: string;
  /** What errors call the archive. */
  readonly archiveName: string;
}

/** One archive. {@link close} it in any case. */
export class TarFetcher {
  readonly #reader: TarReader;
  readonly #spool: Spool;

  constructor(tree: FetchedTree, options: FetchTarOptions) {
    this.#spool = new Spool(tree, options);
    this.#reader = new TarReader(options.archiveName, this.#spool);
  }

  /** Takes the next piece, cut anywhere. @throws HyperfileError FS_ARCHIVE_CORRUPT, FS_NAME_INVALID, DISK_FULL */
  push(chunk: Buffer): void {
    this.#reader.push(chunk);
  }

  /** Nothing more comes. @throws HyperfileError FS_ARCHIVE_CUT_SHORT */
  end(): void {
    this.#reader.end();
    this.#spool.end();
  }

  close(): void {
    this.#spool.close();
  }
}

class Spool implements TarHandler {
  readonly #tree: FetchedTree;
  readonly #options: FetchTarOptions;
  readonly #file: number;
  /** Where the next file's bytes go. */
  #end = 0;
  #start = 0;
  #pieces: SparsePiece[] = [];

  constructor(tree: FetchedTree, options: FetchTarOptions) {
    [this.#tree, this.#options] = [tree, options];
    this.#file = openNew(options.spoolPath);
  }

  entry(entry: TarEntry): void {
    const { kind } = entry;
    const path = this.#pathOf(entry.name, entry.name);
    if (kind === 'link') {
      if (this.#tree.addName(path, this.#pathOf(entry.linkName, entry.name))) return;
      const { archiveName: archive } = this.#options;
      const detail = `it has no ${entry.linkName}, which is to be ${entry.name}, too`;
      throw new HyperfileError('FS_ARCHIVE_CORRUPT', { data: { archive, detail } });
    }
    const sizeBytes = kind === 'file' ? entry.sizeBytes : 0;
    this.#start = this.#end;
    this.#end += sizeBytes;
    this.#pieces = [...(entry.pieces ?? [[0, sizeBytes]])];
    const part = { offset: this.#start, sizeBytes };
    this.#tree.add(path, { ...entry, kind }, { hostPath: this.#options.spoolPath, part });
  }

  data(piece: Buffer): void {
    for (let rest = piece; rest.length > 0;) {
      const [next] = this.#pieces;
      if (next === undefined) return;
      const [offset, length] = next;
      const now = rest.subarray(0, length);
      this.#write(now, this.#start + offset);
      rest = rest.subarray(now.length);
      if (now.length === length) this.#pieces.shift();
      else this.#pieces[0] = [offset + now.length, length - now.length];
    }
  }

  endEntry(): void {
    this.#pieces = [];
  }

  /** The last file may end with a hole. */
  end(): void {
    ftruncateSync(this.#file, this.#end);
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(bytes: Buffer, position: number): void {
    try {
      writeAll(this.#file, bytes, position);
    } catch (error) {
      throw diskFullAt(this.#options.spoolPath, error);
    }
  }

  #pathOf(name: string, entry: string): string {
    const names = name.split('/').filter((part) => part !== '' && part !== '.');
    if (!names.includes('..')) return '/' + names.join('/');
    const { archiveName: archive } = this.#options;
    throw new HyperfileError('FS_ARCHIVE_OUTSIDE', { data: { archive, entry } });
  }
}
