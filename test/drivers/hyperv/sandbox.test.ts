/** Sandboxes on Hyper-V, in the real PowerShell against the stand-in. */
import { existsSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { HyperVDriver } from '../../../src/drivers/hyperv/driver.ts';
import type { PowerShellSession } from '../../../src/drivers/hyperv/session/session.ts';
import { readDiskId } from '../../../src/gpt/disk-id.ts';
import { openChain } from '../../../src/vhdx/chain.ts';
import { describeWith } from '../../support/needs.ts';
import { STANDIN_NEEDS } from '../../support/powershell/standin/standin.ts';
import { ACCESS, runLine } from './line.ts';
import { HyperVSite } from './site.ts';

const MIB = 1024 ** 2;

describeWith(STANDIN_NEEDS, 'a sandbox on Hyper-V', () => {
  const site = new HyperVSite();
  let driver: HyperVDriver & { powershell: PowerShellSession };

  beforeAll(() => site.prepare());
  afterAll(() => site.remove());
  afterEach(async () => {
    await driver.close();
  });

  /** What a piece of work costs, in calls of PowerShell. */
  async function calls(work: () => Promise<unknown>): Promise<number> {
    const before = driver.powershell.callCount;
    await work();
    return driver.powershell.callCount - before;
  }

  async function written(
    sandbox: { files: { readFile(path: string): Promise<Buffer | undefined> } },
    file: string,
  ) {
    return (await sandbox.files.readFile(file))?.toString();
  }

  test('runs a row of steps, each in few round trips, and its layers hold what each did', async () => {
    driver = site.driver();
    const [one, two, three, four] = ['one', 'two', 'three', 'four'].map((name) => site.layer(name));
    const sandbox = await driver.open({ chain: [site.base], sandboxPath: one });
    expect(driver.powershell.callCount).toBe(0);
    const content = Buffer.from('copied');

    const copying = await calls(async () => {
      await sandbox.files.makeDirectory('/app');
      await sandbox.files.writeFile({ destination: '/app/a.txt', name: 'a.txt', content });
      await sandbox.seal(two);
    });
    expect(copying).toBeLessThanOrEqual(4);

    const running = await calls(async () => {
      const ended = await runLine(sandbox, 'type C:\\app\\a.txt && echo ran> C:\\app\\b.txt');
      expect(ended).toEqual({ status: 0, stdout: 'copied', stderr: '' });
      await sandbox.seal(three);
    });
    expect(running).toBeLessThanOrEqual(8);
    const made = [...site.standIn.host.machines.keys()];
    expect(made).toHaveLength(1);

    const again = await calls(async () => {
      expect((await runLine(sandbox, 'type C:\\app\\b.txt && exit 3')).status).toBe(3);
      await sandbox.seal(four);
    });
    expect(again).toBeLessThanOrEqual(8);
    // The same machine, with the next disk.
    expect([...site.standIn.host.machines.keys()]).toEqual(made);

    const back = await calls(async () => {
      expect(await written(sandbox, '/app/b.txt')).toBe('ran\r\n');
      await sandbox.files.writeFile({ destination: '/app/c.txt', name: 'c.txt', content });
      await sandbox.seal();
    });
    expect(back).toBeLessThanOrEqual(4);
    await driver.close();

    const chain = openChain(four);
    chain.close();
    expect(chain.layers.map((layer) => layer.path)).toEqual([four, three, two, one, site.base]);
    expect(await site.read(one, 'app/b.txt')).toBeUndefined();
    expect(await site.read(two, 'app/b.txt')).toBe('ran\r\n');
    expect(await site.read(three, 'app/c.txt')).toBeUndefined();
    expect(await site.read(four, 'app/c.txt')).toBe('copied');
    site.expectClean(['one', 'two', 'three', 'four']);
  });

  test('needs no more round trips where a command asks for a restart, or is the first and runs as another account', async () => {
    const [one, two] = ['one', 'two'].map((name) => site.layer(name));
    const bob = { userName: 'bob', password: 'b0b-7f3a' };
    const guestAccess = (user?: string) => Promise.resolve(user === undefined ? ACCESS : bob);
    driver = site.driver({ guestAccess });
    const making = await driver.open({ chain: [site.base], sandboxPath: one });
    const restarting = await calls(async () => {
      expect((await runLine(making, `net user bob ${bob.password} /add`)).status).toBe(0);
      await making.restart();
      await making.seal();
    });
    await driver.close();
    driver = site.driver({ guestAccess });
    const using = await driver.open({ chain: [one, site.base], sandboxPath: two });
    const first = await calls(async () => {
      expect((await runLine(using, 'whoami', { user: 'bob' })).stdout).toMatch(/\\bob\r\n$/);
      await using.seal();
    });
    for (const count of [restarting, first]) expect(count).toBeLessThanOrEqual(8);
    await driver.close();
    site.expectClean(['one', 'two']);
  });

  test.each(['shutdown', 'checkpoint'])(
    'runs commands as an account that the guest has by then, each in few round trips, sealed by %s',
    async (seal) => {
      const [one, two, three] = ['one', 'two', 'three'].map((name) => site.layer(name));
      const bob = { userName: 'bob', password: 'b0b-7f3a' };
      const asked: (string | undefined)[] = [];
      const guestAccess = (user?: string) => {
        asked.push(user);
        return Promise.resolve(user === undefined ? ACCESS : bob);
      };
      driver = site.driver({ options: { seal }, guestAccess });
      const sandbox = await driver.open({ chain: [site.base], sandboxPath: one });
      const making = await calls(async () => {
        await runLine(sandbox, `net user bob ${bob.password} /add`);
        await sandbox.seal(two);
      });
      const running = await calls(async () => {
        expect((await runLine(sandbox, 'whoami', { user: 'bob' })).stdout).toMatch(/\\bob\r\n$/);
        await sandbox.seal(three);
      });
      await sandbox.restart();
      const after = await calls(async () => {
        expect((await runLine(sandbox, 'whoami', { user: '.\\BOB' })).stdout).toMatch(/\\bob\r\n$/);
        expect((await runLine(sandbox, 'whoami')).stdout).toMatch(/\\administrator\r\n$/);
        await sandbox.seal();
      });
      for (const count of [making, running, after]) expect(count).toBeLessThanOrEqual(8);
      expect(new Set(asked)).toEqual(new Set([undefined, 'bob', '.\\BOB']));
      await driver.close();
      site.expectClean(['one', 'two', 'three']);
    },
  );

  test('that is closed leaves nothing, wherever its disk was', async () => {
    driver = site.driver();
    for (const work of ['nothing', 'files', 'command'] as const) {
      const sandbox = await driver.open({ chain: [site.base], sandboxPath: site.layer('gone') });
      if (work === 'files') await sandbox.files.makeDirectory('/new');
      if (work === 'command') await runLine(sandbox, 'exit 0');
      await sandbox.close();
      await sandbox.close();
      await expect(sandbox.files.readFile('/readme.txt')).rejects.toMatchObject({
        code: 'DRIVER_SANDBOX_CLOSED',
      });
    }
    await driver.close();
    site.expectClean();
  });

  test('that nobody writes to shows the files of its layers to any number of readers', async () => {
    driver = site.driver();
    const views = await Promise.all([1, 2].map(() => driver.open({ chain: [site.base] })));
    for (const view of views) {
      expect(await written(view, '/readme.txt')).toBe('hello');
      expect(existsSync(`${(await view.files.asSource({ sources: [] })).rootPath}/readme.txt`)).toBe(true);
    }
    await driver.close();
    site.expectClean();
  });

  test('gives a command the machine that its recipe asks for, and makes another when that changes', async () => {
    driver = site.driver({ options: { memory: '1G', cpus: '3' } });
    const sandbox = await driver.open({ chain: [site.base], sandboxPath: site.layer('one') });
    await runLine(sandbox, 'echo first> C:\\first.txt');
    const [first] = site.standIn.host.machines.values();
    expect(first).toMatchObject({
      generation: 2,
      processors: 3,
      memoryStartupBytes: 1024 * MIB,
      secureBoot: 'On',
      secureBootTemplate: 'MicrosoftWindows',
      tpm: false,
      nested: false,
    });
    expect(first.adapters.map(({ switchName }) => switchName)).toEqual(['Default Switch']);

    const machine = {
      memoryBytes: 512 * MIB,
      processors: 1,
      secureBoot: 'off',
      tpm: true,
      nested: true,
    } as const;
    const ended = await runLine(sandbox, 'type C:\\first.txt', { machine });
    expect(ended.stdout).toBe('first\r\n');
    const [second, ...others] = site.standIn.host.machines.values();
    expect(others).toEqual([]);
    expect(second.id).not.toBe(first.id);
    expect(second).toMatchObject({
      processors: 1,
      memoryStartupBytes: 512 * MIB,
      secureBoot: 'Off',
      tpm: true,
      nested: true,
    });

    await runLine(sandbox, 'exit 0', { machine, network: 'none' });
    const [third] = site.standIn.host.machines.values();
    expect(third.adapters.map(({ switchName }) => switchName)).toEqual([undefined]);
    await sandbox.seal();
    await driver.close();
    expect(await site.read(site.layer('one'), 'first.txt')).toBe('first\r\n');
    site.expectClean(['one']);
  });

  test('shares its identity with others of its base, and is mounted beside them all the same', async () => {
    driver = site.driver();
    const [one, two] = ['one', 'two'].map((name) => site.layer(name));
    const sandboxes = [
      await driver.open({ chain: [site.base], sandboxPath: one }),
      await driver.open({ chain: [site.base], sandboxPath: two }),
      await driver.open({ chain: [site.base] }),
    ];
    for (const sandbox of sandboxes) expect(await written(sandbox, 'C:\\readme.txt')).toBe('hello');
    expect(site.standIn.host.storage.disks()).toHaveLength(3);
    await sandboxes[0].seal();
    await sandboxes[1].seal();
    await driver.close();
    const ids = [site.base, one, two].map((leaf) => {
      const chain = openChain(leaf);
      const id = readDiskId(chain);
      chain.close();
      return id;
    });
    expect(ids[0]).toMatchObject({ table: 'gpt' });
    expect(ids).toEqual([ids[0], ids[0], ids[0]]);
    site.expectClean(['one', 'two']);
  });

  test('is restarted, whether its machine runs or not', async () => {
    driver = site.driver();
    const sandbox = await driver.open({ chain: [site.base], sandboxPath: site.layer('one') });
    await sandbox.files.makeDirectory('/made');
    const starts = (): number => site.standIn.host.calls.filter((name) => name === 'Start-VM').length;
    const before = starts();
    await sandbox.restart({ machine: { memoryBytes: 512 * MIB } });
    expect(starts()).toBe(before + 1);
    await runLine(sandbox, 'echo x> C:\\made\\x.txt', { machine: { memoryBytes: 512 * MIB } });
    expect(starts()).toBe(before + 1);
    await sandbox.restart({ machine: { memoryBytes: 512 * MIB } });
    expect(starts()).toBe(before + 2);
    expect(site.standIn.host.machines.size).toBe(1);
    await sandbox.seal();
    await driver.close();
    expect(await site.read(site.layer('one'), 'made/x.txt')).toBe('x\r\n');
    site.expectClean(['one']);
  });
});
