import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Sandbox } from '../../../src/drivers/driver.ts';
import type { NamespaceDriver } from '../../../src/drivers/namespace/driver.ts';
import { startDiskServer } from '../../../src/fuse/client/disk-server.ts';
import { describeWith } from '../../support/needs.ts';
import { GUEST_NEEDS, sh, Workplace } from '../support/guest.ts';
import { lastingLeftovers } from '../../support/traces.ts';

const KIB = 1024;

describeWith([...GUEST_NEEDS, 'e2fsck', 'dumpe2fs'], 'a sealed layer', () => {
  let place: Workplace;
  let driver: NamespaceDriver;
  let chain: string[];

  beforeAll(async () => {
    place = new Workplace();
    driver = place.driver();
    chain = await place.makeGuest(driver);
  });

  afterAll(async () => {
    await driver.close();
    expect(await lastingLeftovers(place.stateFolder)).toEqual([]);
    place.remove();
  });

  const open = (layers: readonly string[], sandboxPath?: string): Promise<Sandbox> =>
    driver.open({ chain: layers, root: place.root, ...(sandboxPath !== undefined && { sandboxPath }) });

  async function textOf(layers: readonly string[], file: string): Promise<string | undefined> {
    const sandbox = await open(layers);
    const text = (await sandbox.files.readFile(file))?.toString();
    await sandbox.close();
    return text;
  }

  test('holds what its step did, the ones after it what came later', async () => {
    const [one, two, three] = [place.layerPath(), place.layerPath(), place.layerPath()];
    const sandbox = await open(chain, one);
    await sh(sandbox, 'echo one >/file');
    await sandbox.seal(two);
    await sh(sandbox, 'echo two >/file');
    await sandbox.seal(three);
    await sandbox.files.writeFile({ destination: '/file', name: '', content: Buffer.from('three\n') });
    await sandbox.seal();
    await sandbox.close();
    expect(await textOf([one, ...chain], '/file')).toBe('one\n');
    expect(await textOf([two, one, ...chain], '/file')).toBe('two\n');
    expect(await textOf([three, two, one, ...chain], '/file')).toBe('three\n');
  });

  test('is a file system that was cleanly unmounted, whether the sandbox went on or not', async () => {
    const [one, two] = [place.layerPath(), place.layerPath()];
    const sandbox = await open(chain, one);
    await sh(sandbox, 'mkdir -p /a/b/c; for i in $(seq 200); do echo $i >/a/b/$i; done; rm /a/b/1*');
    await sandbox.seal(two);
    await sh(sandbox, 'rm -r /a');
    await sandbox.seal();
    await sandbox.close();
    const server = await startDiskServer({ folder: place.stateFolder });
    for (const layers of [
      [one, ...chain],
      [two, one, ...chain],
    ]) {
      const disk = await server.attach({ chain: layers, partition: place.root });
      execFileSync('e2fsck', ['-f', '-n', disk.devicePath], { stdio: 'pipe' });
      const header = execFileSync('dumpe2fs', ['-h', disk.devicePath], { encoding: 'utf8', stdio: 'pipe' });
      expect(header).toMatch(/Filesystem state:\s+clean\n/);
      expect(header).not.toContain('needs_recovery');
      await disk.detach();
    }
    await server.close();
  });

  test('of a trivial step takes at most 256 KiB', async () => {
    const layers = [place.layerPath(), place.layerPath(), place.layerPath()];
    const sandbox = await open(chain, layers[0]);
    for (const [index, layer] of layers.entries()) {
      await sh(sandbox, `echo ${index} >/trivial`);
      await sandbox.seal(layers[index + 1]);
      expect(statSync(layer).blocks * 512).toBeLessThanOrEqual(256 * KIB);
    }
    await sandbox.close();
  });

  test('does not hold what its step wrote and deleted again', async () => {
    const [one, two] = [place.layerPath(), place.layerPath()];
    const sandbox = await open(chain, one);
    const waste =
      'dd if=/dev/urandom of=/waste bs=1M count=32 2>/dev/null; sync; rm /waste; echo kept >/kept';
    await sh(sandbox, waste);
    await sandbox.seal(two);
    await sh(sandbox, waste);
    await sandbox.seal();
    await sandbox.close();
    for (const layer of [one, two]) expect(statSync(layer).blocks * 512).toBeLessThan(24 * 1024 * KIB);
    expect(await textOf([two, one, ...chain], '/kept')).toBe('kept\n');
  });

  test('is all that stays: an unsealed difference goes with its sandbox', async () => {
    const [one, two] = [place.layerPath(), place.layerPath()];
    const sandbox = await open(chain, one);
    await sandbox.seal(two);
    expect(existsSync(two)).toBe(true);
    await sandbox.close();
    await sandbox.close();
    expect([existsSync(one), existsSync(two)]).toEqual([true, false]);
    await expect(sandbox.seal()).rejects.toMatchObject({ code: 'DRIVER_SANDBOX_CLOSED' });
    await expect(sh(sandbox, 'true')).rejects.toMatchObject({ code: 'DRIVER_SANDBOX_CLOSED' });
  });

  test('of an empty file system has nothing of the command’s surroundings', async () => {
    const base = await place.makeEmptyBase(driver);
    const layer = place.layerPath();
    const sandbox = await open([base], layer);
    const guest = await open(chain);
    const busybox = (await guest.files.readFile('/bin/busybox'))!;
    await guest.close();
    await sandbox.files.writeFile({ destination: '/busybox', name: '', content: busybox, mode: '0755' });
    const ran = await sandbox.run(
      { argv: ['/busybox', 'ls', '/'], env: {}, workdir: '/', user: '', network: 'host' },
      { onOutput: () => undefined },
    );
    expect(ran.status).toBe(0);
    await sandbox.seal();
    await sandbox.close();
    const after = await open([layer, base]);
    expect(readdirSync((await after.files.asSource({ sources: [] })).rootPath).sort()).toEqual([
      'busybox',
      'lost+found',
    ]);
    await after.close();
  });

  test('can be the ground of two sandboxes at once', async () => {
    const [one, two] = [place.layerPath(), place.layerPath()];
    const sandboxes = await Promise.all([open(chain, one), open(chain, two)]);
    await Promise.all(sandboxes.map((sandbox, index) => sh(sandbox, `echo ${index} >/mine`)));
    await Promise.all(sandboxes.map((sandbox) => sandbox.seal()));
    await Promise.all(sandboxes.map((sandbox) => sandbox.close()));
    expect(await textOf([one, ...chain], '/mine')).toBe('0\n');
    expect(await textOf([two, ...chain], '/mine')).toBe('1\n');
  });

  test('that cannot be made because a layer below is missing leaves nothing', async () => {
    const layer = place.layerPath();
    await expect(open([place.layerPath(), ...chain], layer)).rejects.toThrow();
    expect(existsSync(layer)).toBe(false);
    const wrong = { ...place.root, offset: 0, length: 1024 * KIB };
    await expect(driver.open({ chain, sandboxPath: layer, root: wrong })).rejects.toMatchObject({
      code: 'DRIVER_MOUNT_FAILED',
    });
    expect(existsSync(layer)).toBe(false);
  });

  test('never takes the place of a file that is there already', async () => {
    const precious = chain[0];
    await expect(open(chain, precious)).rejects.toMatchObject({ code: 'DISK_EXISTS' });
    const sandbox = await open(chain, place.layerPath());
    await expect(sandbox.seal(precious)).rejects.toMatchObject({ code: 'DISK_EXISTS' });
    await sandbox.close();
    expect(await textOf(chain, '/etc/os-release')).toBe('ID=test\n');
  });

  test('can stand on a disk that was in use when it was copied: its journal is replayed first', async () => {
    const [used, layer] = [place.layerPath(), place.layerPath()];
    const folder = mkdtempSync(path.join(place.stateFolder, 'used-'));
    const server = await startDiskServer({ folder: place.stateFolder });
    const disk = await server.attach({ chain, sandboxPath: used, partition: place.root });
    execFileSync('mount', [disk.devicePath, folder]);
    try {
      execFileSync('sh', ['-c', `echo journalled >${folder}/new && sync -f ${folder}/new`]);
      await disk.seal();
    } finally {
      execFileSync('umount', [folder]);
      await server.close();
    }
    const sandbox = await open([used, ...chain], layer);
    expect((await sandbox.files.readFile('/new'))?.toString()).toBe('journalled\n');
    expect((await sh(sandbox, 'echo more >>/new && cat /new')).stdout).toBe('journalled\nmore\n');
    await sandbox.seal();
    await sandbox.close();
    expect(await textOf([layer, used, ...chain], '/new')).toBe('journalled\nmore\n');
  });

  test('is found by looking, when nobody says where the root is', async () => {
    expect(await driver.findRoot(chain)).toEqual(place.root);
    const sandbox = await driver.open({ chain });
    expect((await sandbox.files.readFile('/etc/os-release'))?.toString()).toBe('ID=test\n');
    await sandbox.close();
  });
});
