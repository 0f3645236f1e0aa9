/** What the file system of a disk holds that nobody has open: for looking at the layers that a build has made. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { copyDisk } from '../../../../src/disk/copy.ts';
import { createRawDisk } from '../../../../src/disk/file-disk.ts';
import { findSystem } from '../../../../src/drivers/hyperv/find-system.ts';
import type { FileSystemType } from '../../../../src/fs/identify.ts';
import { openChain } from '../../../../src/vhdx/chain.ts';
import { mount } from './host/mounts.ts';

/**
 * The content of files of the system volume; undefined for those that are not there.
 *
 * @param leaf its parents are found through their locators
 * @param files paths with `/`, from the volume's root
 */
export async function readGuestFiles(
  leaf: string,
  files: readonly string[],
): Promise<Readonly<Record<string, string | undefined>>> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'guest-disk-'));
  const rawPath = path.join(folder, 'disk.raw');
  const chain = openChain(leaf);
  try {
    const raw = createRawDisk(rawPath, chain.sizeBytes);
    Array.from(copyDisk(chain, raw));
    raw.close();
    const { root } = findSystem(chain.layers.map((layer) => layer.path));
    const type = root.type as FileSystemType;
    const mounted = await mount({
      rawPath,
      ...root,
      type,
      folder: path.join(folder, 'root'),
      readOnly: true,
    });
    try {
      return Object.fromEntries(files.map((name) => [name, contentOf(path.join(mounted.folder, name))]));
    } finally {
      await mounted.unmount();
    }
  } finally {
    chain.close();
    rmSync(folder, { recursive: true });
  }
}

function contentOf(file: string): string | undefined {
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}
