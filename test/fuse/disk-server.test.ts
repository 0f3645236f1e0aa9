import { existsSync } from 'node:fs';
import { readFile, readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { openChain } from '../../src/vhdx/chain.ts';
import { describeWith } from '../support/needs.ts';
import { lasting } from '../support/traces.ts';
import {
  DEVICE_NEEDS,
  devicesBelow,
  emptyBase,
  mountedBelow,
  mountIn,
  MIB,
  serverIn,
  testFolder,
  tool,
  unmount,
} from './support/host.ts';

const EXT4_NEEDS = [...DEVICE_NEEDS, 'mke2fs', 'e2fsck', 'fsfreeze'];

describeWith(EXT4_NEEDS, 'a sandbox as a block device', () => {
  it('carries a file system that is frozen, sealed, thawed and goes on, each layer whole', async () => {
    const folder = testFolder();
    const server = await serverIn(folder);
    const [base, first, second] = [
      emptyBase(folder),
      ...['1', '2'].map((name) => path.join(folder, `${name}.vhdx`)),
    ];
    const disk = await server.attach({ chain: [base], sandboxPath: first });
    await tool('mke2fs', '-q', '-t', 'ext4', disk.devicePath);
    const mnt = await mountIn(folder, disk.devicePath);
    await tool('cp', '-a', '/etc', mnt);
    await tool('fsfreeze', '-f', mnt);
    await disk.seal(second);
    await tool('fsfreeze', '-u', mnt);
    await writeFile(path.join(mnt, 'later'), 'second layer');
    await unmount(mnt);
    await disk.seal();
    expect(await disk.failure()).toBeUndefined();
    await disk.detach();

    for (const [chain, later] of [
      [[first, base], false],
      [[second, first, base], true],
    ] as const) {
      const sealed = await server.attach({ chain });
      await tool('e2fsck', '-fn', sealed.devicePath).catch((error: { stdout: string }) => {
        // A frozen file system's journal may hold work; a read-only device cannot have it replayed.
        expect(error.stdout).toMatch(/skipping journal recovery|WAS MODIFIED|WARNING/);
      });
      const readOnly = await mountIn(folder, sealed.devicePath, 'ro,noload');
      await tool('diff', '-r', '--no-dereference', '/etc', path.join(readOnly, 'etc'));
      expect(existsSync(path.join(readOnly, 'later'))).toBe(later);
      await unmount(readOnly);
      await sealed.detach();
    }
    await server.close();
    expect(await mountedBelow(folder)).toEqual([]);
    expect(await lasting(() => devicesBelow(folder))).toEqual([]);
    expect(await readdir(path.join(folder, 'run'))).toEqual([]);
  });

  it('is clean for e2fsck after it was unmounted and sealed', async () => {
    const folder = testFolder();
    const server = await serverIn(folder);
    const sandboxPath = path.join(folder, 'sandbox.vhdx');
    const disk = await server.attach({ chain: [emptyBase(folder)], sandboxPath });
    await tool('mke2fs', '-q', '-t', 'ext4', disk.devicePath);
    const mnt = await mountIn(folder, disk.devicePath);
    await tool('cp', '-a', '/etc', mnt);
    await unmount(mnt);
    await disk.seal();
    expect(await tool('e2fsck', '-fn', disk.devicePath)).toContain('Pass 5');
  });

  it('that nothing wrote to can be sealed and is read back as its parent', async () => {
    const folder = testFolder();
    const server = await serverIn(folder);
    const base = emptyBase(folder, 64 * MIB);
    const sandboxPath = path.join(folder, 'sandbox.vhdx');
    const disk = await server.attach({ chain: [base], sandboxPath });
    await disk.seal();
    await disk.detach();
    const chain = openChain([sandboxPath, base]);
    expect([...chain.extents(0, chain.sizeBytes)].every(({ kind }) => kind === 'zero')).toBe(true);
    chain.close();
  });
});

describeWith(DEVICE_NEEDS, 'devices side by side', () => {
  it('many disks of two servers keep to themselves', async () => {
    const folder = testFolder();
    const base = emptyBase(folder, 32 * MIB);
    const servers = await Promise.all([serverIn(folder), serverIn(folder)]);
    const disks = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        servers[index % 2].attach({ chain: [base], sandboxPath: path.join(folder, `sandbox${index}.vhdx`) }),
      ),
    );
    expect(new Set(disks.map(({ devicePath }) => devicePath)).size).toBe(12);
    await Promise.all(
      disks.map((disk, index) => writeFile(disk.devicePath, Buffer.alloc(3 * MIB, index + 1))),
    );
    await Promise.all(disks.map((disk) => disk.seal()));
    for (const [index, disk] of disks.entries()) {
      const bytes = await readFile(disk.devicePath);
      expect(bytes.length).toBe(32 * MIB);
      expect(bytes.subarray(0, 3 * MIB).equals(Buffer.alloc(3 * MIB, index + 1))).toBe(true);
    }
    await Promise.all(servers.map((server) => server.close()));
    expect(await lasting(() => devicesBelow(folder))).toEqual([]);
  });

  it('a partition is a device of its own, and a chain without a sandbox cannot be written', async () => {
    const folder = testFolder();
    const server = await serverIn(folder);
    const base = emptyBase(folder, 32 * MIB);
    const partition = { offset: 4 * MIB, length: 8 * MIB };
    const sandboxPath = path.join(folder, 'sandbox.vhdx');
    const disk = await server.attach({ chain: [base], sandboxPath, partition });
    await writeFile(disk.devicePath, Buffer.alloc(MIB, 9));
    await disk.seal();
    await disk.detach();
    const whole = await server.attach({ chain: [sandboxPath, base] });
    const bytes = await readFile(whole.devicePath);
    expect(bytes.indexOf(9)).toBe(4 * MIB);
    expect(bytes.lastIndexOf(9)).toBe(5 * MIB - 1);
    await expect(writeFile(whole.devicePath, 'x')).rejects.toThrow(/EPERM|EACCES|EROFS/);
  });

  it('a file without a device is there for a virtual machine', async () => {
    const folder = testFolder();
    const server = await serverIn(folder);
    const sandboxPath = path.join(folder, 'sandbox.vhdx');
    const disk = await server.attach({ chain: [emptyBase(folder, 8 * MIB)], sandboxPath, device: false });
    expect(disk.devicePath).toBe('');
    await writeFile(disk.filePath, Buffer.alloc(MIB, 5), { flag: 'r+' });
    expect((await readFile(disk.filePath)).lastIndexOf(5)).toBe(MIB - 1);
    await disk.detach();
    expect(existsSync(disk.filePath)).toBe(false);
  });
});

describeWith(DEVICE_NEEDS, 'a disk that cannot be attached', () => {
  it('is an error with a reason, leaves nothing, and the server goes on', async () => {
    const folder = testFolder();
    const server = await serverIn(folder);
    const missing = path.join(folder, 'missing.vhdx');
    const broken = path.join(folder, 'broken.vhdx');
    const sandboxPath = path.join(folder, 'sandbox.vhdx');
    await writeFile(broken, Buffer.alloc(MIB));
    await expect(server.attach({ chain: [missing], sandboxPath })).rejects.toMatchObject({
      code: 'DISK_NOT_FOUND',
    });
    await expect(server.attach({ chain: [broken], sandboxPath })).rejects.toMatchObject({ exitStatus: 4 });
    const partition = { offset: 512 * MIB, length: MIB };
    const chain = [emptyBase(folder, 8 * MIB)];
    await expect(server.attach({ chain, sandboxPath, partition })).rejects.toMatchObject({
      code: 'DISK_OUT_OF_RANGE',
    });
    expect(await lasting(() => devicesBelow(folder))).toEqual([]);
    const disk = await server.attach({ chain });
    expect(Buffer.alloc(8 * MIB).equals(await readFile(disk.devicePath))).toBe(true);
  });
});
