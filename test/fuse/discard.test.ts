import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { openChain } from '../../src/vhdx/chain.ts';
import { describeWith } from '../support/needs.ts';
import {
  DEVICE_NEEDS,
  emptyBase,
  mountIn,
  MIB,
  serverIn,
  testFolder,
  tool,
  unmount,
} from './support/host.ts';

describeWith([...DEVICE_NEEDS, 'mke2fs', 'fstrim', 'blkdiscard'], 'what a device discards', () => {
  it('reads as zeros, and takes no space in the layer', async () => {
    const folder = testFolder();
    const server = await serverIn(folder);
    const base = emptyBase(folder, 64 * MIB);
    const sandboxPath = path.join(folder, 'sandbox.vhdx');
    const disk = await server.attach({ chain: [base], sandboxPath });
    const zeros = Buffer.alloc(4 * MIB);
    for (const flags of [[], ['-z']]) {
      await writeFile(disk.devicePath, Buffer.alloc(8 * MIB, 0xab), { flush: true });
      await tool('blkdiscard', ...flags, '-o', String(2 * MIB), '-l', String(4 * MIB), disk.devicePath);
      const bytes = (await readFile(disk.devicePath)).subarray(0, 8 * MIB);
      expect(bytes.subarray(2 * MIB, 6 * MIB).equals(zeros)).toBe(true);
      expect(bytes[2 * MIB - 1]).toBe(0xab);
      expect(bytes[6 * MIB]).toBe(0xab);
    }
    await tool('blkdiscard', disk.devicePath);
    await disk.seal();
    await disk.detach();
    const chain = openChain([sandboxPath, base]);
    expect([...chain.extents(0, chain.sizeBytes)].every(({ kind }) => kind === 'zero')).toBe(true);
    chain.close();
  });

  it('through fstrim, drops what was written and deleted again', async () => {
    const folder = testFolder();
    const server = await serverIn(folder);
    const sandboxPath = path.join(folder, 'sandbox.vhdx');
    const disk = await server.attach({ chain: [emptyBase(folder)], sandboxPath });
    await tool('mke2fs', '-q', '-t', 'ext4', disk.devicePath);
    const mnt = await mountIn(folder, disk.devicePath);
    await writeFile(path.join(mnt, 'large'), Buffer.alloc(64 * MIB, 1));
    await tool('sync', '-f', mnt);
    await tool('rm', path.join(mnt, 'large'));
    await tool('sync', '-f', mnt);
    await tool('fstrim', mnt);
    await unmount(mnt);
    await disk.seal();
    await disk.detach();
    const chain = openChain([sandboxPath, path.join(folder, 'base.vhdx')]);
    const dataBytes = [...chain.extents(0, chain.sizeBytes)]
      .filter(({ kind }) => kind === 'data')
      .reduce((sum, { length }) => sum + length, 0);
    chain.close();
    expect(dataBytes).toBeLessThan(32 * MIB);
  });
});
