/** Which file system of a foreign disk is the root, where that can be told without looking into any. */
import path from 'node:path';
import { expect, test } from 'vitest';
import { randomGuid } from '../../../src/bytes/guid.ts';
import type { Disks } from '../../../src/drivers/namespace/disks.ts';
import { findRoot } from '../../../src/drivers/namespace/find-root.ts';
import { PARTITION_TYPE } from '../../../src/gpt/format.ts';
import { writeGpt } from '../../../src/gpt/write.ts';
import { createDisk } from '../../../src/vhdx/sandbox.ts';
import { MIB, scratchFolder } from '../../vhdx/scratch.ts';

const noDisks: Disks = {
  death: new AbortController().signal,
  attach: () => Promise.reject(new Error('nothing is to be mounted')),
  close: () => Promise.resolve(),
};

/** A disk with partitions of these types, 1 MiB each, that begin as file systems do. */
function disk(partitions: readonly (readonly [type: string, start: string])[]): string {
  const file = path.join(scratchFolder(), 'disk.vhdx');
  const made = createDisk(file, { sizeBytes: 8 * MIB });
  const parts = partitions.map(([type], index) => ({
    ...{ offset: (index + 1) * MIB, length: MIB, type, id: randomGuid(), name: '' },
  }));
  writeGpt(made, { diskId: randomGuid(), partitions: parts });
  for (const [index, [, start]] of partitions.entries())
    made.write(Buffer.from(start, 'latin1'), (index + 1) * MIB);
  made.seal();
  made.close();
  return file;
}

const look = (file: string) => findRoot([file], { disks: noDisks, folder: '/nowhere', signal: undefined });
const { efiSystem, microsoftBasicData, linuxFileSystem, linuxRootX64 } = PARTITION_TYPE;
const NTFS = 'xxxNTFS    ';
const XFS = 'XFSB';

test.each([
  ['NTFS', NTFS],
  ['ReFS', 'xxxReFS\0\0\0\0'],
])('a disk with nothing but Windows on %s is refused by the name of its system', async (_, start) => {
  const windows = disk([
    [efiSystem, 'xxxMSDOS5.0'],
    [microsoftBasicData, start],
  ]);
  await expect(look(windows)).rejects.toMatchObject({ code: 'DRIVER_WINDOWS_GUEST', exitStatus: 5 });
});

test('a disk that holds Windows besides Linux is opened for its Linux', async () => {
  const both = disk([
    [microsoftBasicData, NTFS],
    [linuxFileSystem, XFS],
  ]);
  expect(await look(both)).toEqual({ offset: 2 * MIB, length: MIB, type: 'xfs' });
});

test('of several, the one that is marked as a root is it', async () => {
  const several = disk([
    [linuxFileSystem, XFS],
    [linuxRootX64, XFS],
  ]);
  expect(await look(several)).toMatchObject({ offset: 2 * MIB });
});

test('a disk with no file system that any guest starts from has no root', async () => {
  await expect(look(disk([[linuxFileSystem, 'xxxEXFAT   ']]))).rejects.toMatchObject({
    code: 'DRIVER_ROOT_NOT_FOUND',
  });
});
