/** A disk server for plain files: what the tests and the bench of the FUSE side alone use in place of VHDX. */
import { openRawDisk } from '../../../src/disk/file-disk.ts';
import type { WritableDisk } from '../../../src/disk/disk.ts';
import type { SealableDisk } from '../../../src/disk/sealable-disk.ts';
import { runDiskServer } from '../../../src/fuse/server/run.ts';

/** The file at `sandboxPath` is the disk, sealing goes on in the same file. */
function rawSandbox(path: string): SealableDisk {
  const disk: WritableDisk = openRawDisk(path, { writable: true });
  return Object.assign(disk, { seal: () => undefined });
}

runDiskServer(
  ({ chain, sandboxPath }) =>
    sandboxPath === undefined
      ? { writable: false, disk: openRawDisk(chain[0]) }
      : { writable: true, disk: rawSandbox(sandboxPath) },
  Number(process.argv[2]),
);
