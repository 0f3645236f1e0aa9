/**
 * A writable disk whose file becomes a layer when it is sealed: a difference on a chain, or a new base. One leaf takes the
 * writes, one index answers for everything below it.
 */
import path from 'node:path';
import { UNFINISHED_PREFIX } from '../base/atomic-file.ts';
import { HyperfileError, isHyperfileError, systemCode } from '../base/error.ts';
import { removeFile, renameOverOpen } from '../base/patience.ts';
import { randomGuid } from '../bytes/guid.ts';
import type { BlockFile } from '../disk/block-file.ts';
import { createHostFile } from '../disk/host-file.ts';
import type { SealableDisk } from '../disk/sealable-disk.ts';
import { closeLayers, MAX_CHAIN_LAYERS, openLayers } from './ancestry.ts';
import { ChainIndex } from './chain-index.ts';
import { writeIdentifier } from './file-layout.ts';
import { finishLeaf } from './finish.ts';
import { checkedGeometry } from './geometry.ts';
import { Leaf } from './leaf.ts';
import { encodeLocator } from './locator.ts';
import type { Metadata } from './metadata.ts';
import { DEFAULT_BLOCK_BYTES, newDiskMetadata, type NewDiskOptions } from './new-disk.ts';
import { locatorFor } from './parent-paths.ts';
import { copyLeaf, isWorthRewriting } from './rewrite.ts';
import type { RunSource } from './runs.ts';
import { SectorDisk } from './sector-disk.ts';

export interface SandboxOptions {
  /** The layers' files, leaf first down to the base; or only the leaf, whose parents are found through their locators. */
  readonly chain: string | readonly string[];
  /** The difference to make. */
  readonly sandboxPath: string;
  readonly blockBytes?: number;
  /** Default: the parent's size. What a larger difference has more reads as zeros. */
  readonly sizeBytes?: number;
}

/**
 * Opens a chain and makes an empty, writable difference on it.
 *
 * @throws HyperfileError of {@link openLayers}; DISK_EXISTS, DISK_NOT_FOUND (no such folder), VHDX_GEOMETRY,
 *   VHDX_CHAIN_TOO_DEEP. Nothing is left then.
 */
export function openSandbox(options: SandboxOptions): SealableDisk {
  const layers = openLayers(options.chain);
  try {
    const [parent] = layers;
    if (parent === undefined)
      throw new HyperfileError('VHDX_GEOMETRY', { data: { problem: 'the chain is empty' } });
    const metadata = {
      ...withoutLocator(parent.metadata),
      blockBytes: options.blockBytes ?? DEFAULT_BLOCK_BYTES,
      sizeBytes: options.sizeBytes ?? parent.metadata.sizeBytes,
      hasParent: true,
      leaveBlocksAllocated: false,
    };
    const index = new ChainIndex(layers, metadata.logicalSectorBytes);
    const below = { path: parent.path, dataWriteGuid: parent.dataWriteGuid };
    return new Sandbox(options.sandboxPath, metadata, index, layers.length, below);
  } catch (error) {
    closeLayers(layers);
    throw error;
  }
}

/**
 * Makes a new disk of zeros, without a parent, to be filled and then sealed.
 * @throws HyperfileError DISK_EXISTS, DISK_NOT_FOUND (no such folder), VHDX_GEOMETRY.
 */
export function createDisk(filePath: string, options: NewDiskOptions): SealableDisk {
  const metadata = newDiskMetadata(options, false);
  return new Sandbox(filePath, metadata, new ChainIndex([], metadata.logicalSectorBytes), 0);
}

function withoutLocator(metadata: Metadata): Omit<Metadata, 'locator'> {
  const { locator: _, ...rest } = metadata;
  return rest;
}

/** What a child says about the disk below it. */
interface Parent {
  readonly path: string;
  readonly dataWriteGuid: string;
}

class Sandbox extends SectorDisk implements SealableDisk {
  readonly #index: ChainIndex;
  #metadata: Metadata;
  #path: string;
  #layerCount: number;
  #parent: Parent | undefined;
  /** Absent once the disk is sealed for good. */
  #leaf: Leaf | undefined;
  /** What reads go through: the leaf, or the index when there is none. */
  #top: RunSource;

  constructor(filePath: string, metadata: Metadata, index: ChainIndex, layerCount: number, parent?: Parent) {
    super(metadata);
    this.#metadata = metadata;
    this.#index = index;
    this.#layerCount = layerCount;
    this.#parent = parent;
    this.#path = path.resolve(filePath);
    const geometry = checkedGeometry(metadata);
    this.#top = this.#leaf = new Leaf(newFile(this.#path, layerCount), geometry, index);
  }

  protected readable(): RunSource {
    return this.#top;
  }

  protected writable(): Leaf {
    if (this.#leaf === undefined) throw new HyperfileError('DISK_READ_ONLY', { data: { path: this.#path } });
    return this.#leaf;
  }

  /** Hands payload to the storage. The file itself is only worth something once it is sealed. */
  flush(): void {
    this.#leaf?.file.flush();
  }

  seal(nextPath?: string): void {
    const before = this.writable();
    // Made first: when it cannot be, nothing has changed yet.
    const nextFile =
      nextPath === undefined ? undefined : newFile(path.resolve(nextPath), this.#layerCount + 1);
    const dataWriteGuid = randomGuid();
    try {
      const leaf = this.#tidied(before);
      const bitmapMb = finishLeaf(leaf, this.#locatedMetadata(), dataWriteGuid);
      const { file, geometry, table, bits } = leaf;
      this.#index.absorb({ file, geometry, table, bitmapMb }, bits);
    } catch (error) {
      if (nextFile) discard(nextFile);
      throw error;
    }
    this.#layerCount++;
    this.#parent = { path: this.#path, dataWriteGuid };
    this.#leaf = undefined;
    this.#top = this.#index;
    if (nextFile === undefined) return;
    this.#metadata = { ...this.#metadata, hasParent: true };
    this.#path = nextFile.path;
    this.#top = this.#leaf = new Leaf(nextFile, checkedGeometry(this.#metadata), this.#index);
  }

  /** The leaf to finish: a fresh one of the same name where that saves much, and there is room for it. */
  #tidied(leaf: Leaf): Leaf {
    if (!isWorthRewriting(leaf)) return leaf;
    const { dir, base } = path.parse(this.#path);
    const unfinished = path.join(dir, UNFINISHED_PREFIX + base);
    let file: BlockFile | undefined;
    try {
      file = createHostFile(unfinished, this.#path);
      writeIdentifier(file);
      const fresh = new Leaf(file, leaf.geometry, this.#index);
      copyLeaf(leaf, fresh);
      renameOverOpen(unfinished, this.#path);
      this.#top = this.#leaf = fresh;
      leaf.file.close();
      return fresh;
    } catch (error) {
      file?.close();
      removeFile(unfinished);
      // When the host has no room, nothing is lost but space: the leaf is whole as it is.
      if (isHyperfileError(error) || systemCode(error) !== undefined) return leaf;
      throw error;
    }
  }

  #locatedMetadata(): Metadata {
    if (this.#parent === undefined) return this.#metadata;
    const entries = locatorFor(this.#path, this.#parent.path, this.#parent.dataWriteGuid);
    return { ...this.#metadata, locator: encodeLocator(entries) };
  }

  close(): void {
    this.#leaf?.file.close();
    this.#index.close();
  }
}

/** Makes the file of a leaf on top of `layerCount` layers. */
function newFile(filePath: string, layerCount: number): BlockFile {
  if (layerCount >= MAX_CHAIN_LAYERS) {
    throw new HyperfileError('VHDX_CHAIN_TOO_DEEP', { data: { path: filePath, limit: MAX_CHAIN_LAYERS } });
  }
  const file = createHostFile(filePath);
  try {
    writeIdentifier(file);
    return file;
  } catch (error) {
    discard(file);
    throw error;
  }
}

function discard(file: BlockFile): void {
  file.close();
  removeFile(file.path);
}
