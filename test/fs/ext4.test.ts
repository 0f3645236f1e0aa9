import { execFileSync } from 'node:child_process';
import { closeSync, ftruncateSync, openSync, statSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openRawDisk } from '../../src/disk/file-disk.ts';
import { makeExt4 } from '../../src/fs/ext4.ts';
import { identifyFileSystem } from '../../src/fs/identify.ts';
import { describeWith } from '../support/needs.ts';
import { codeOf, scratchFolder } from './scratch.ts';

const GIB = 1024 ** 3;

function sparseFile(sizeBytes: number): string {
  const path = `${scratchFolder()}/disk.img`;
  const file = openSync(path, 'w');
  ftruncateSync(file, sizeBytes);
  closeSync(file);
  return path;
}

describeWith(['mke2fs', 'e2fsck', 'dumpe2fs'], 'a new ext4', () => {
  it.each([100 * 1024 ** 2, 64 * GIB, 2048 * GIB])(
    'of %i bytes is sound and stores next to nothing',
    async (sizeBytes) => {
      const path = sparseFile(sizeBytes);
      await makeExt4(path, { label: 'root', uuid: '01234567-89ab-cdef-0123-456789abcdef' });
      execFileSync('e2fsck', ['-fn', path], { stdio: 'pipe' });
      const head = execFileSync('dumpe2fs', ['-h', path], { encoding: 'utf8', stdio: 'pipe' });
      expect(head).toMatch(/volume name: +root\n/);
      expect(head).toMatch(/UUID: +01234567-89ab-cdef-0123-456789abcdef\n/);
      expect(statSync(path).blocks * 512).toBeLessThan(sizeBytes / 2 ** 15 + 3 * 1024 ** 2);
    },
  );

  it('is known by its superblock', async () => {
    const path = sparseFile(64 * 1024 ** 2);
    const disk = openRawDisk(path);
    try {
      expect(identifyFileSystem(disk, 0)).toBeUndefined();
      await makeExt4(path, { label: 'root' });
      expect(identifyFileSystem(disk, 0)).toBe('ext4');
      expect(identifyFileSystem(disk, disk.sizeBytes - 512)).toBeUndefined();
    } finally {
      disk.close();
    }
  });

  it('cannot be made where there is no room for it', async () => {
    expect(await codeOf(() => makeExt4(sparseFile(4096), { label: 'root' }))).toBe('TOOL_FAILED');
  });
});
