/**
 * Remembers the digests of files on this host, so that a warm check of a context only looks at each file's stat. A
 * file is known by device, inode (its path where that is no exact number), size, and times of modification and change.
 *
 * On disk: 16 bytes of head (magic, CRC-32 of the rest, record count), then records of 80 bytes. A file that is
 * missing, damaged or of another version is an empty cache.
 */
import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { unfinishedName } from '../base/atomic-file.ts';
import { hasExactIdentity } from './file-identity.ts';
import type { FileStat } from './file-stat.ts';

/** What {@link digestTree} asks and tells. */
export interface FileDigests {
  get(stat: FileStat, hostPath: string): string | undefined;
  /** `digestedMs`: when the file was looked at, before its bytes were read. */
  set(stat: FileStat, hostPath: string, digest: string, digestedMs: number): void;
}

interface Known {
  readonly size: number;
  readonly mtimeMs: number;
  readonly ctimeMs: number;
  readonly digest: string;
  usedDay: number;
}

const MAGIC = 'HFDIGST1';
const HEAD_BYTES = 16;
const RECORD_BYTES = 80;
const MOST_RECORDS = 500_000;
const KEPT_DAYS = 30;
const DAY_MS = 24 * 60 * 60 * 1000;
/** A file that changed this shortly before may change again without its times telling (coarse clocks). */
const RACY_MS = 2000;

export class FileDigestCache implements FileDigests {
  readonly #path: string;
  /** By device, then inode. */
  readonly #known = new Map<number, Map<number, Known>>();
  readonly #today = Math.floor(Date.now() / DAY_MS);
  #changed = false;

  private constructor(path: string) {
    this.#path = path;
  }

  static async load(path: string): Promise<FileDigestCache> {
    const cache = new FileDigestCache(path);
    cache.#read(await readFile(path).catch(() => Buffer.alloc(0)));
    return cache;
  }

  get(stat: FileStat, hostPath: string): string | undefined {
    const { size, mtimeMs, ctimeMs } = stat;
    const known = this.#known.get(stat.dev)?.get(inodeOf(stat, hostPath));
    if (known?.size !== size || known.mtimeMs !== mtimeMs || known.ctimeMs !== ctimeMs) return undefined;
    if (known.usedDay !== this.#today) {
      known.usedDay = this.#today;
      this.#changed = true;
    }
    return known.digest;
  }

  set(stat: FileStat, hostPath: string, digest: string, digestedMs: number): void {
    const { size, mtimeMs, ctimeMs } = stat;
    if (Math.max(mtimeMs, ctimeMs) > digestedMs - RACY_MS) return;
    this.#put(stat.dev, inodeOf(stat, hostPath), { size, mtimeMs, ctimeMs, digest, usedDay: this.#today });
    this.#changed = true;
  }

  /** Writes the cache, if it changed, whole or not at all. Losing it costs time, so a failure is no error. */
  async save(): Promise<void> {
    if (!this.#changed) return;
    const unfinished = unfinishedName(this.#path);
    try {
      await mkdir(path.dirname(this.#path), { recursive: true });
      await writeFile(unfinished, this.#encode());
      await rename(unfinished, this.#path);
      this.#changed = false;
    } catch {
      await rm(unfinished, { force: true });
    }
  }

  #put(device: number, inode: number, known: Known): void {
    let inodes = this.#known.get(device);
    if (!inodes) this.#known.set(device, (inodes = new Map<number, Known>()));
    inodes.set(inode, known);
  }

  #encode(): Buffer {
    const records = [...this.#known]
      .flatMap(([device, inodes]) => [...inodes].map(([inode, known]) => ({ device, inode, ...known })))
      .filter(({ usedDay }) => usedDay > this.#today - KEPT_DAYS)
      .sort((a, b) => b.usedDay - a.usedDay)
      .slice(0, MOST_RECORDS);
    const bytes = Buffer.alloc(HEAD_BYTES + RECORD_BYTES * records.length);
    for (const [index, record] of records.entries()) {
      const at = HEAD_BYTES + RECORD_BYTES * index;
      const numbers = [record.device, record.inode, record.size, record.mtimeMs, record.ctimeMs];
      numbers.forEach((value, place) => bytes.writeDoubleLE(value, at + 8 * place));
      bytes.write(record.digest, at + 40, 32, 'hex');
      bytes.writeUInt32LE(record.usedDay, at + 72);
    }
    bytes.write(MAGIC, 0, 'latin1');
    bytes.writeUInt32LE(crc32(bytes.subarray(HEAD_BYTES)), 8);
    bytes.writeUInt32LE(records.length, 12);
    return bytes;
  }

  #read(bytes: Buffer): void {
    if (bytes.length < HEAD_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC) return;
    const count = bytes.readUInt32LE(12);
    if (bytes.length !== HEAD_BYTES + RECORD_BYTES * count) return;
    if (bytes.readUInt32LE(8) !== crc32(bytes.subarray(HEAD_BYTES))) return;
    for (let index = 0; index < count; index++) {
      const at = HEAD_BYTES + RECORD_BYTES * index;
      this.#put(bytes.readDoubleLE(at), bytes.readDoubleLE(at + 8), {
        size: bytes.readDoubleLE(at + 16),
        mtimeMs: bytes.readDoubleLE(at + 24),
        ctimeMs: bytes.readDoubleLE(at + 32),
        digest: bytes.toString('hex', at + 40, at + 72),
        usedDay: bytes.readUInt32LE(at + 72),
      });
    }
  }
}

/** An inode number that its double does not hold exactly (NTFS has such) gives way to a number for the path. */
function inodeOf(stat: FileStat, hostPath: string): number {
  if (hasExactIdentity(stat)) return stat.ino;
  return -1 - createHash('sha256').update(hostPath).digest().readUIntLE(0, 6);
}
