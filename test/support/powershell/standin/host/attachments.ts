/**
 * Disks that are open: mounted on the host, or in a machine that runs. While it is open, the disk is a raw image that
 * holds what its chain holds; when it is let go, what differs is written into the VHDX file in place. So the file is
 * worth nothing to anyone meanwhile, as on Windows, where nobody else could even open it: a file that somebody has
 * changed all the same is reported.
 */
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { dataRanges, type FileRange } from '../../../../../src/convert/sparse-map.ts';
import { copyDisk } from '../../../../../src/disk/copy.ts';
import type { WritableDisk } from '../../../../../src/disk/disk.ts';
import { createRawDisk, openRawDisk } from '../../../../../src/disk/file-disk.ts';
import { identifyFileSystem, type FileSystemType } from '../../../../../src/fs/identify.ts';
import { PARTITION_TYPE } from '../../../../../src/gpt/format.ts';
import type { Partition } from '../../../../../src/gpt/partition.ts';
import { readPartitions } from '../../../../../src/gpt/read.ts';
import { openChain } from '../../../../../src/vhdx/chain.ts';
import { openForChange } from '../../../../../src/vhdx/edit/open.ts';
import { readChain } from './disk-files.ts';
import { inUse } from './errors.ts';
import type { Faults } from './faults.ts';
import { mount, type Mounted } from './mounts.ts';

export interface AttachOptions {
  readonly readOnly: boolean;
  /** Who holds it: `host`, or the id of a machine. */
  readonly holder: string;
  /** How the cmdlet fails for a disk that cannot be used. */
  readonly kind?: 'operationFailed' | 'unspecified';
}

export interface AttachedPartition extends Partition {
  readonly fileSystem: FileSystemType | undefined;
}

export class AttachedDisk {
  /** Leaf first. */
  chain: readonly string[];
  readonly rawPath: string;
  readonly readOnly: boolean;
  readonly holder: string;
  readonly mounts = new Map<number, Mounted>();
  /** What the files of the chain were when they were opened. */
  #stamps: readonly string[];

  constructor(chain: readonly string[], rawPath: string, options: AttachOptions) {
    this.chain = chain;
    this.rawPath = rawPath;
    [this.readOnly, this.holder] = [options.readOnly, options.holder];
    this.#stamps = chain.map(stampOf);
  }

  get path(): string {
    return this.chain[0];
  }

  /** What lies on it now. */
  partitions(): AttachedPartition[] {
    return this.withRaw((disk) =>
      readPartitions(disk).map((partition) => ({
        ...partition,
        fileSystem: identifyFileSystem(disk, partition.offset),
      })),
    );
  }

  /** The partition that holds the system: the largest that is no EFI or reserved one. */
  systemPartition(): AttachedPartition | undefined {
    const small: readonly string[] = [PARTITION_TYPE.efiSystem, PARTITION_TYPE.microsoftReserved];
    return this.partitions()
      .filter(({ type }) => !small.includes(type))
      .sort((a, b) => b.length - a.length)[0];
  }

  withRaw<T>(body: (disk: WritableDisk) => T): T {
    const disk = openRawDisk(this.rawPath, { writable: !this.readOnly });
    try {
      return body(disk);
    } finally {
      disk.close();
    }
  }

  async mount(partition: AttachedPartition, folder: string): Promise<Mounted> {
    const { offset, length, fileSystem: type, number } = partition;
    if (type === undefined) throw new Error(`partition ${number} of ${this.path} holds no file system`);
    const mounted = await mount({
      rawPath: this.rawPath,
      offset,
      length,
      type,
      folder,
      readOnly: this.readOnly,
    });
    this.mounts.set(number, mounted);
    return mounted;
  }

  async unmount(number: number): Promise<void> {
    const mounted = this.mounts.get(number);
    this.mounts.delete(number);
    await mounted?.unmount();
  }

  async unmountAll(): Promise<void> {
    for (const number of [...this.mounts.keys()]) await this.unmount(number);
  }

  /** Brings what was changed into the VHDX file. `data`: what of the raw image is no hole, when that is known. */
  writeBack(data?: readonly FileRange[]): void {
    this.#checkUntouched();
    if (!this.readOnly) this.withRaw((raw) => writeDifferences(raw, this.path, data));
    this.#stamps = this.chain.map(stampOf);
  }

  /** From now on what is written goes to a difference that was just made on the leaf. */
  continueOn(leafPath: string): void {
    this.chain = [leafPath, ...this.chain];
    this.#stamps = this.chain.map(stampOf);
  }

  /** The difference was merged into the disk below it. */
  returnTo(filePath: string): void {
    this.chain = this.chain.slice(this.chain.indexOf(filePath));
    this.#stamps = this.chain.map(stampOf);
  }

  #checkUntouched(): void {
    const changed = this.chain.filter((file, index) => stampOf(file) !== this.#stamps[index]);
    if (changed.length > 0)
      throw new Error(`changed, moved or removed while Hyper-V had it open: ${changed.join(', ')}`);
  }
}

export class Attachments {
  readonly disks = new Set<AttachedDisk>();
  readonly #folder: string;
  readonly #faults: Faults;
  #count = 0;

  constructor(folder: string, faults: Faults) {
    this.#folder = folder;
    this.#faults = faults;
    mkdirSync(folder, { recursive: true });
  }

  /** @throws StandInError when it is no disk, or in use */
  attach(filePath: string, options: AttachOptions): AttachedDisk {
    const { layers } = readChain(filePath, this.#faults, options.kind);
    const chain = layers.map((layer) => layer.path);
    this.refuseInUse(chain[0], options.readOnly ? 'read' : 'write');
    for (const parent of chain.slice(1)) this.refuseInUse(parent, 'read');
    const rawPath = path.join(this.#folder, `${++this.#count}.raw`);
    copyOut(chain, rawPath);
    const disk = new AttachedDisk(chain, rawPath, options);
    this.disks.add(disk);
    return disk;
  }

  /** Writes back and lets go, whatever the file system on it was doing. */
  async detach(disk: AttachedDisk): Promise<void> {
    this.disks.delete(disk);
    await disk.unmountAll();
    try {
      disk.writeBack(await dataRanges(disk.rawPath));
    } finally {
      rmSync(disk.rawPath, { force: true });
    }
  }

  find(filePath: string): AttachedDisk | undefined {
    return [...this.disks].find((disk) => disk.path === filePath);
  }

  /**
   * Whoever writes a file is alone with it; who reads it (a parent) shares it with other readers.
   * @throws StandInError
   */
  refuseInUse(filePath: string, access: 'read' | 'write'): void {
    if (this.#faults.locked.has(filePath)) throw inUse(filePath);
    for (const disk of this.disks) {
      const isWritten = !disk.readOnly && disk.path === filePath;
      if (isWritten || (access === 'write' && disk.chain.includes(filePath))) throw inUse(filePath);
    }
  }
}

function stampOf(file: string): string {
  if (!existsSync(file)) return 'gone';
  const { ino, size, mtimeMs } = statSync(file);
  return `${ino} ${size} ${mtimeMs}`;
}

function copyOut(chain: readonly string[], rawPath: string): void {
  const source = openChain(chain);
  const raw = createRawDisk(rawPath, source.sizeBytes);
  try {
    Array.from(copyDisk(source, raw));
  } finally {
    raw.close();
    source.close();
  }
}

const PIECE_BYTES = 1024 * 1024;

/** Writes every sector that reads otherwise, and nothing else. Holes where the disk has nothing are not read. */
function writeDifferences(raw: WritableDisk, filePath: string, data?: readonly FileRange[]): void {
  const disk = openForChange(filePath);
  const sectorBytes = disk.logicalSectorBytes;
  const [now, before] = [Buffer.alloc(PIECE_BYTES), Buffer.alloc(PIECE_BYTES)];
  try {
    for (let offset = 0; offset < disk.sizeBytes; offset += PIECE_BYTES) {
      const length = Math.min(PIECE_BYTES, disk.sizeBytes - offset);
      const isHole = data?.every(
        (range) => offset + length <= range.fileOffset || offset >= range.fileOffset + range.length,
      );
      if (isHole && Array.from(disk.extents(offset, length)).every(({ kind }) => kind === 'zero')) continue;
      const [wanted, had] = [now.subarray(0, length), before.subarray(0, length)];
      raw.read(wanted, offset);
      disk.read(had, offset);
      if (wanted.equals(had)) continue;
      for (let at = 0; at < length;) {
        let end = at;
        while (end < length && !sameSector(wanted, had, end, sectorBytes)) end += sectorBytes;
        if (end > at) disk.write(wanted.subarray(at, end), offset + at);
        at = end + sectorBytes;
      }
    }
    disk.flush();
  } finally {
    disk.close();
  }
}

function sameSector(a: Buffer, b: Buffer, at: number, bytes: number): boolean {
  return a.compare(b, at, at + bytes, at, at + bytes) === 0;
}
