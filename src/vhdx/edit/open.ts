/** Opens finished files to change them in place: one writer at a time, and a log that was left is replayed first. */
import fs from 'node:fs';
import path from 'node:path';
import { HyperfileError } from '../../base/error.ts';
import { tryLock } from '../../base/lock.ts';
import { randomGuid, ZERO_GUID } from '../../bytes/guid.ts';
import type { BlockFile } from '../../disk/block-file.ts';
import { openHostFile } from '../../disk/host-file.ts';
import { closeLayers, openLayers } from '../ancestry.ts';
import { STRICT, type Findings } from '../findings.ts';
import { readCurrentHeader } from '../header.ts';
import { readLayerDespite } from '../layer.ts';
import { applyLog } from '../log/replay.ts';
import { EditedDisk } from './edited-disk.ts';
import { Editor } from './editor.ts';
import { Headers } from './headers.ts';

/**
 * An editor for an open, writable file. Nothing is written before the first change, but for the replay of a log.
 * @throws HyperfileError of `readLayer`, unless `findings` let it pass; the file is as it was then.
 */
export function openEditor(file: BlockFile, newDataWriteGuid?: string, findings: Findings = STRICT): Editor {
  const layer = readLayerDespite(file, findings);
  if (layer.header.logGuid === ZERO_GUID) return new Editor(layer, newDataWriteGuid);
  replayLog(file);
  return new Editor(readLayerDespite(file, findings), newDataWriteGuid);
}

/** What the disk holds stays the same, so it keeps its DataWriteGuid. */
function replayLog(file: BlockFile): void {
  const header = readCurrentHeader(file);
  const headers = new Headers(file, header, header.slot);
  headers.update({ fileWriteGuid: randomGuid() });
  applyLog(file, header);
  headers.update({ logGuid: ZERO_GUID });
}

/** A file that nobody else of us changes at the same time. */
export interface LockedFile {
  readonly file: BlockFile;
  /** Closes the file and lets others have it. */
  close(): void;
}

/**
 * Opens a file of the host for writing, and locks it.
 * @throws HyperfileError VHDX_IN_USE, DISK_NOT_FOUND, DISK_NOT_A_FILE, DISK_IO
 */
export function openLocked(filePath: string): LockedFile {
  const real = realPath(filePath);
  const lockPath = path.join(path.dirname(real), `.${path.basename(real)}.lock`);
  const lock = tryLock(lockPath);
  if (!('release' in lock)) throw new HyperfileError('VHDX_IN_USE', { data: { path: real, pid: lock.pid } });
  try {
    const file = openHostFile(real, { writable: true });
    const close = () => {
      file.close();
      lock.release();
    };
    return { file, close };
  } catch (error) {
    lock.release();
    throw error;
  }
}

function realPath(filePath: string): string {
  try {
    return fs.realpathSync(filePath);
  } catch (cause) {
    throw new HyperfileError('DISK_NOT_FOUND', { data: { path: filePath }, cause });
  }
}

/**
 * Brings what lies only in a file's log to its place, if anything does: after that the file's bytes are the disk.
 * @throws HyperfileError VHDX_IN_USE and those of `readLayer`
 */
export function settleLog(filePath: string): void {
  const locked = openLocked(filePath);
  try {
    openEditor(locked.file);
  } finally {
    locked.close();
  }
}

/**
 * Opens a file as a disk that is written in place, with the layers below it for reading.
 *
 * @param newDataWriteGuid the identity it gets when its data change; a random one by default
 * @throws HyperfileError VHDX_IN_USE and those of `openLayers`; nothing has changed then.
 */
export function openForChange(filePath: string, newDataWriteGuid?: string): EditedDisk {
  const locked = openLocked(filePath);
  try {
    const [leaf, ...below] = openLayers(locked.file.path);
    leaf.file.close();
    try {
      return new EditedDisk(openEditor(locked.file, newDataWriteGuid), below, () => locked.close());
    } catch (error) {
      closeLayers(below);
      throw error;
    }
  } catch (error) {
    locked.close();
    throw error;
  }
}
