/** The files of the mounted folder: the control file and one file for each disk. Numbers are never used twice. */
import { HyperfileError } from '../../base/error.ts';
import { CONTROL_FILE } from '../control-message.ts';
import { MODE_DIRECTORY, MODE_FILE, ROOT_NODE } from '../protocol/constants.ts';
import type { DirectoryEntry } from '../protocol/directory.ts';
import type { Attributes } from '../protocol/structures.ts';
import type { ServedDisk } from './served-disk.ts';

export const CONTROL_NODE = 2;

const ROOT: Attributes = { nodeId: ROOT_NODE, mode: MODE_DIRECTORY | 0o700, sizeBytes: 0 };
const CONTROL: Attributes = { nodeId: CONTROL_NODE, mode: MODE_FILE | 0o600, sizeBytes: 0 };

export class DiskFolder {
  readonly #disks = new Map<number, ServedDisk>();
  readonly #nodes = new Map<string, number>();
  #nextNode = CONTROL_NODE + 1;

  /** Shows a disk and returns its file's name. */
  add(disk: ServedDisk): string {
    const nodeId = this.#nextNode++;
    const name = `disk-${nodeId - CONTROL_NODE}`;
    this.#disks.set(nodeId, disk);
    this.#nodes.set(name, nodeId);
    return name;
  }

  /** @throws HyperfileError FUSE_NO_SUCH_DISK */
  named(name: string): ServedDisk {
    const disk = this.#disks.get(this.#nodes.get(name) ?? 0);
    if (disk === undefined) throw new HyperfileError('FUSE_NO_SUCH_DISK', { data: { name } });
    return disk;
  }

  /** Takes a disk out of the folder and closes it. */
  remove(name: string): void {
    const disk = this.named(name);
    this.#disks.delete(this.#nodes.get(name)!);
    this.#nodes.delete(name);
    disk.close();
  }

  disk(nodeId: number): ServedDisk | undefined {
    return this.#disks.get(nodeId);
  }

  find(name: string): Attributes | undefined {
    return name === CONTROL_FILE ? CONTROL : this.attributes(this.#nodes.get(name) ?? 0);
  }

  attributes(nodeId: number): Attributes | undefined {
    if (nodeId === ROOT_NODE) return ROOT;
    if (nodeId === CONTROL_NODE) return CONTROL;
    const disk = this.#disks.get(nodeId);
    return disk && { nodeId, mode: MODE_FILE | 0o600, sizeBytes: disk.sizeBytes };
  }

  entries(): DirectoryEntry[] {
    const files = [...this.#nodes].map(([name, nodeId]) => ({ name, nodeId, mode: MODE_FILE }));
    return [
      { name: '.', nodeId: ROOT_NODE, mode: MODE_DIRECTORY },
      { name: '..', nodeId: ROOT_NODE, mode: MODE_DIRECTORY },
      { name: CONTROL_FILE, nodeId: CONTROL_NODE, mode: MODE_FILE },
      ...files,
    ];
  }

  close(): void {
    for (const disk of this.#disks.values()) disk.close();
    this.#disks.clear();
    this.#nodes.clear();
  }
}
