import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it, onTestFinished } from 'vitest';
import { cleanLeftovers, listLeftovers } from '../../src/fuse/client/leftovers.ts';
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

const OWNER = path.join(import.meta.dirname, 'support/owner.ts');

/** The process that serves what is mounted below a folder. */
async function serverPid(filePath: string): Promise<number> {
  const control = path.join(path.dirname(filePath), 'control');
  const file = await open(control, 'r+');
  try {
    await file.write('{"action":"hello"}\n', 0);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4096), 0, 4096, 0);
    const answer = JSON.parse(buffer.toString('utf8', 0, bytesRead)) as { result: { pid: number } };
    return answer.result.pid;
  } finally {
    await file.close();
  }
}

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await sleep(20);
}

describeWith([...DEVICE_NEEDS, 'mke2fs'], 'a disk server that is killed', () => {
  it('in the middle of work fails what waits for it, says so, and everything can be unmounted', async () => {
    const folder = testFolder();
    const server = await serverIn(folder);
    const sandboxPath = path.join(folder, 'sandbox.vhdx');
    const disk = await server.attach({ chain: [emptyBase(folder)], sandboxPath });
    await tool('mke2fs', '-q', '-t', 'ext4', disk.devicePath);
    const mnt = await mountIn(folder, disk.devicePath);
    const working = tool('dd', 'if=/dev/zero', `of=${mnt}/file`, 'bs=1M', 'count=900', 'conv=fsync');
    const outcome = working.then(
      () => 'done',
      () => 'failed',
    );
    await until(() => existsSync(path.join(mnt, 'file')));
    process.kill(await serverPid(disk.filePath), 'SIGKILL');
    expect(await outcome).toBe('failed');
    await expect(disk.seal()).rejects.toMatchObject({
      code: 'FUSE_SERVER_DIED',
      data: { how: 'signal SIGKILL' },
    });
    expect(server.death.aborted).toBe(true);
    expect(server.death.reason).toMatchObject({ code: 'FUSE_SERVER_DIED' });
    await expect(server.attach({ chain: [sandboxPath] })).rejects.toMatchObject({ code: 'FUSE_SERVER_DIED' });
    await unmount(mnt);
    await disk.detach();
    await server.close();
    await server.close();
    expect(await mountedBelow(folder)).toEqual([]);
    expect(await lasting(() => devicesBelow(folder))).toEqual([]);
  });

  it('is a leftover, and what it left is cleaned without its owner', async () => {
    const folder = testFolder();
    const [dead, alive] = [await serverIn(folder), await serverIn(folder)];
    const chain = [emptyBase(folder, 8 * MIB)];
    const lost = await dead.attach({ chain, sandboxPath: path.join(folder, 'lost.vhdx') });
    const kept = await alive.attach({ chain, sandboxPath: path.join(folder, 'kept.vhdx') });
    expect(await listLeftovers(folder)).toEqual({ mountPoints: [], devices: [] });
    process.kill(await serverPid(lost.filePath), 'SIGKILL');
    await until(() => dead.death.aborted);
    const expected = { mountPoints: [path.dirname(lost.filePath)], devices: [lost.devicePath] };
    expect(await listLeftovers(path.join(folder, 'elsewhere'))).toEqual({ mountPoints: [], devices: [] });
    expect(await cleanLeftovers(folder)).toEqual(expected);
    expect(await mountedBelow(folder)).toEqual([path.dirname(kept.filePath)]);
    expect(Buffer.alloc(8 * MIB).equals(await readFile(kept.devicePath))).toBe(true);
  });
});

describeWith([...DEVICE_NEEDS, 'mke2fs'], 'the owner of a disk server', () => {
  it('that is killed takes the server along, and the next command cleans the rest', async () => {
    const folder = testFolder();
    const run = path.join(folder, 'run');
    await mkdir(run);
    const args = [OWNER, run, emptyBase(folder), path.join(folder, 'sandbox.vhdx')];
    const owner = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void owner.kill('SIGKILL'));
    const [line] = (await owner.stdout.take(1).toArray()) as [Buffer];
    const { devicePath, filePath } = JSON.parse(line.toString()) as { devicePath: string; filePath: string };
    const pid = await serverPid(filePath);
    await tool('mke2fs', '-q', '-t', 'ext4', devicePath);
    const mnt = await mountIn(folder, devicePath);
    await writeFile(path.join(mnt, 'file'), Buffer.alloc(MIB));
    owner.kill('SIGKILL');
    await until(() => !isAlive(pid));
    await unmount(mnt);
    await cleanLeftovers(run);
    expect(await mountedBelow(folder)).toEqual([]);
    expect(await lasting(() => devicesBelow(folder))).toEqual([]);
    expect(await readdir(run)).toEqual([]);
  });

  it('ends on its own when it has nothing more to do, though the server still runs', async () => {
    const folder = testFolder();
    const program = `
      import { startDiskServer } from ${JSON.stringify(path.resolve('src/fuse/client/disk-server.ts'))};
      await startDiskServer({ folder: ${JSON.stringify(folder)} });`;
    await tool(process.execPath, '--input-type=module', '-e', program);
    await cleanLeftovers(folder);
    expect(await mountedBelow(folder)).toEqual([]);
  });
});

describeWith([...DEVICE_NEEDS, 'mke2fs'], 'a host that runs out of space', () => {
  it('fails the writes of the guest, and the seal says which disk is full', async () => {
    const folder = testFolder();
    const small = path.join(folder, 'small');
    await mkdir(small);
    await tool('mount', '-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', small);
    const server = await serverIn(folder);
    const sandboxPath = path.join(small, 'sandbox.vhdx');
    const disk = await server.attach({ chain: [emptyBase(small)], sandboxPath });
    await expect(
      tool('dd', 'if=/dev/urandom', `of=${disk.devicePath}`, 'bs=1M', 'count=64', 'oflag=direct'),
    ).rejects.toThrow(/No space left|Input\/output error/);
    expect(await disk.failure()).toMatchObject({ code: 'DISK_FULL', data: { path: sandboxPath } });
    await expect(disk.seal()).rejects.toMatchObject({ code: 'DISK_FULL', data: { path: sandboxPath } });
    await server.close();
    expect(await lasting(() => devicesBelow(folder))).toEqual([]);
  });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
