/**
 * A Windows guest from recipe to registry, through the command line and the real PowerShell, on the stand-in's Hyper-V
 * host: samples/windows-web with a disk that the test makes.
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { readGuestFiles } from '../support/powershell/standin/read-disk.ts';
import { startStandIn, STANDIN_NEEDS, type StandIn } from '../support/powershell/standin/standin.ts';
import { makeWindowsDisk } from '../support/powershell/standin/windows-disk.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { Machine, MACHINE_NEEDS } from './support/registry-machine.ts';
import { expectNoStack } from './support/site.ts';

const SAMPLE = path.resolve(import.meta.dirname, '../../samples/windows-web');
describeWith([...new Set([...STANDIN_NEEDS, ...MACHINE_NEEDS])], 'a Windows guest on Hyper-V', () => {
  let standIn: StandIn;
  let registry: TestRegistry;
  const machines: Machine[] = [];
  let here: Machine;
  let recipe: string;

  beforeAll(async () => {
    [standIn, registry] = await Promise.all([startStandIn(), startRegistry()]);
    here = machine();
    cpSync(SAMPLE, here.context, { recursive: true });
    await makeWindowsDisk(path.join(here.context, 'windows.vhdx'));
    recipe = readFileSync(path.join(SAMPLE, 'Hyperfile'), 'utf8');
  });
  afterEach(async () => {
    expect(standIn.host.leftovers()).toEqual({ machines: [], disks: [], sessions: 0 });
    for (const each of machines) await each.expectNothingLeft();
  });
  afterAll(async () => {
    for (const each of machines) each.remove();
    await Promise.all([standIn.stop(), registry.stop()]);
  });

  function machine(): Machine {
    const made = new Machine({ ...registry.env, ...standIn.environment, HYPERFILE_DRIVER: 'hyperv' });
    writeFileSync(path.join(made.folder, 'guest.txt'), 'Administrator\nPassw0rd!\n');
    machines.push(made);
    return made;
  }

  /** A build that must succeed: what it printed, and which cmdlets it took. */
  async function build(
    where: Machine,
    text: string,
    ...flags: string[]
  ): Promise<{ err: string; cmdlets: readonly string[] }> {
    const before = standIn.host.calls.length;
    const secret = ['--secret', `id=guest,src=${path.join(where.folder, 'guest.txt')}`];
    const { status, err } = await where.build(text, [...secret, ...flags]);
    expect(status, err).toBe(0);
    expect(err).not.toContain('Passw0rd!');
    return { err, cmdlets: standIn.host.calls.slice(before) };
  }

  async function logs(leaf: string): Promise<{ first?: string; second?: string }> {
    const files = await readGuestFiles(leaf, ['logs/first.html', 'logs/second.html']);
    return { first: files['logs/first.html'], second: files['logs/second.html'] };
  }

  const count = (cmdlets: readonly string[], name: string): number =>
    cmdlets.filter((cmdlet) => cmdlet === name).length;

  test('is built: a layer a step, files without a boot, one boot for a restart and what follows it', async () => {
    const { err, cmdlets } = await build(here, recipe, '-t', 'web');
    expect(err).toContain('A page from a Windows machine.');
    expect(count(cmdlets, 'New-VM')).toBe(1);
    expect(count(cmdlets, 'Start-VM')).toBe(2);
    const chain = await here.chainOf('web');
    expect(chain).toHaveLength(4);
    const files = ['site/index.html', 'site/built.txt', 'logs/first.html'];
    const page = readFileSync(path.join(SAMPLE, 'site/index.html'), 'utf8');
    expect(await readGuestFiles(chain[0], files)).toEqual({
      'site/index.html': page,
      'site/built.txt': 'Built by Hyperfile\r\n',
      'logs/first.html': page,
    });
    expect(await readGuestFiles(chain[2], files)).toEqual({ 'site/index.html': page });
    const [image] = JSON.parse((await here.done(['inspect', 'web'])).out) as {
      os: string;
      config: { cmd: string[]; env: Record<string, string> };
    }[];
    expect(image.os).toBe('windows');
    expect(image.config.cmd[0]).toBe('powershell.exe');
    expect(image.config.env).toMatchObject({ SITE: 'C:\\site', PORT: '80' });
    await here.expectWholeStore();
  });

  test('is what doctor looks at the host for', async () => {
    const { status, out, err } = await here.run(['doctor', '--format', 'json']);
    expect(status, err).toBe(5);
    const report = JSON.parse(out) as { driver: string; findings: { level: string; what: string }[] };
    expect(report.driver).toBe('hyperv');
    const found = report.findings.map(({ level, what }) => `${level}: ${what}`);
    expect(found).toContain('ok: virtual switches: Default Switch');
    // The store is on a file system of Linux.
    expect(found).toContainEqual(
      expect.stringMatching(/^problem: the store is on .*, where Hyper-V keeps no disks$/),
    );
  });

  test('comes from the cache without a word to the host', async () => {
    const { err, cmdlets } = await build(here, recipe, '-t', 'web');
    expect(err).toMatch(/\((\d+) steps, \1 cached\)/);
    expect(cmdlets).toEqual([]);
  });

  test('is built anew from the line that changed', async () => {
    const changed = recipe.replace('C:\\logs\\first.html', 'C:\\logs\\second.html');
    const before = await here.chainOf('web');
    const { cmdlets } = await build(here, changed, '-t', 'web');
    expect(count(cmdlets, 'Start-VM')).toBe(1);
    const chain = await here.chainOf('web');
    expect(chain.slice(1)).toEqual(before.slice(1));
    expect(chain[0]).not.toBe(before[0]);
    const { first, second } = await logs(chain[0]);
    expect(first).toBeUndefined();
    expect(second).toContain('A page from a Windows machine.');
    await here.expectWholeStore();
  });

  test.each(['Mount-VHD', 'New-VM', 'Start-VM', 'New-PSSession', 'guest: shutdown', 'Remove-VM'])(
    'is interrupted in the middle of %s, and nothing is left of it',
    async (cmdlet) => {
      const before = standIn.host.calls.length;
      const secret = ['--secret', `id=guest,src=${path.join(here.folder, 'guest.txt')}`];
      const held = Promise.withResolvers<void>();
      standIn.host.faults.holdNext.set(cmdlet, held.promise);
      const building = here.startBuild(recipe, [...secret, '--no-cache']);
      while (!standIn.host.calls.slice(before).includes(cmdlet)) await sleep(5);
      // On Windows, PowerShell has a console of its own, and Ctrl-C does not get there.
      building.signal('SIGINT');
      await building.said(/interrupted: cleaning up/).finally(held.resolve);
      const { status, err } = await building.ended;
      expect(status, err).toBe(130);
      expectNoStack(err);
    },
  );

  test.each([
    ['was killed', 'New-PSSession', 1],
    ['was on a host that lost power', 'New-PSSession', 1],
    ['was killed', 'Add-PartitionAccessPath', 0],
    ['was on a host that lost power', 'Add-PartitionAccessPath', 0],
  ])(
    'of a build that %s after %s is removed by the next command, whatever that is',
    async (what, cmdlet, machineCount) => {
      const before = standIn.host.calls.length;
      const secret = ['--secret', `id=guest,src=${path.join(here.folder, 'guest.txt')}`];
      const building = here.startBuild(recipe, [...secret, '--no-cache']);
      while (!standIn.host.calls.slice(before).includes(cmdlet)) await sleep(5);
      building.signalGroup('SIGKILL');
      await building.ended;
      await standIn.host.settled();
      if (what === 'was on a host that lost power') await standIn.host.restart();
      expect(standIn.host.leftovers().machines).toHaveLength(machineCount);
      await here.done(['images']);
    },
  );

  test('restarts for an installer that asks for it, and is copied from by other stages', async () => {
    const text = `# escape=\`
FROM ./windows.vhdx AS maker
RUN echo made> C:\\made.txt && exit 3010
FROM ./windows.vhdx
WORKDIR C:\\in
COPY --from=maker C:/made.txt .\\
`;
    const { err, cmdlets } = await build(here, text, '-t', 'copied');
    expect(err).toContain('exit status 3010: the command succeeded and asks for a restart');
    expect(count(cmdlets, 'Start-VM')).toBe(2);
    const [leaf] = await here.chainOf('copied');
    expect(await readGuestFiles(leaf, ['in/made.txt'])).toEqual({ 'in/made.txt': 'made\r\n' });
  });

  test('is sealed by checkpoints where that is wanted, with layers as good as the others', async () => {
    const flags = ['--no-cache', '--driver-opt', 'seal=checkpoint', '-t', 'checkpoints'];
    const { cmdlets } = await build(here, recipe, ...flags);
    expect(count(cmdlets, 'Checkpoint-VM')).toBe(2);
    expect(count(cmdlets, 'New-VM')).toBe(1);
    // Once for the first command, once for REBOOT.
    expect(count(cmdlets, 'Start-VM')).toBe(2);
    const [leaf, middle] = await here.chainOf('checkpoints');
    expect((await logs(leaf)).first).toContain('A page from a Windows machine.');
    expect((await logs(middle)).first).toBeUndefined();
    await here.expectWholeStore();
  });

  test('is pushed and pulled, and then comes from the cache elsewhere, too', async () => {
    const name = `${registry.host}/team/web:1`;
    const cache = `type=registry,ref=${registry.host}/team/cache`;
    await build(here, recipe, '-t', name, '--push', '--cache-to', `${cache},mode=max`);
    const there = machine();
    cpSync(here.context, there.context, { recursive: true });
    const { err, cmdlets } = await build(there, recipe, '--cache-from', cache);
    expect(err).toMatch(/\((\d+) steps, \1 cached\)/);
    expect(cmdlets).toEqual([]);
    await there.done(['pull', '-q', name]);
    expect(await there.imageId(name)).toBe(await here.imageId(name));
    const [leaf] = await there.chainOf(name);
    expect(await readGuestFiles(leaf, ['site/built.txt'])).toEqual({
      'site/built.txt': 'Built by Hyperfile\r\n',
    });
    // What was pulled is a base like any other.
    await build(
      there,
      `# escape=\`\nFROM ${name}\nRUN type C:\\site\\built.txt > C:\\again.txt\n`,
      '-t',
      'again',
    );
    const [top] = await there.chainOf('again');
    expect(await readGuestFiles(top, ['again.txt'])).toEqual({ 'again.txt': 'Built by Hyperfile\r\n' });
    await there.expectWholeStore();
  });
});
