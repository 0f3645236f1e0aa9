/**
 * Linux guests on the stand-in's Hyper-V host, from recipe to layers, through the command line: what stages copy from each
 * other crosses real SSH connections, since such a host cannot read their disks.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import {
  answerAsLinux,
  LINUX_GUEST_NEEDS,
  LINUX_SECRET,
  makeLinuxDisk,
} from '../support/powershell/standin/linux-guest.ts';
import { readGuestFiles } from '../support/powershell/standin/read-disk.ts';
import { startStandIn, type StandIn } from '../support/powershell/standin/standin.ts';
import { makeWindowsDisk } from '../support/powershell/standin/windows-disk.ts';
import { Machine, MACHINE_NEEDS } from './support/registry-machine.ts';
import { expectNoStack } from './support/site.ts';

/** What a directory holds, as the guest sees it. */
const list = (directory: string): string =>
  `find ${directory} -mindepth 1 -printf '%P %y %m %U:%G %n %l\\n' | LC_ALL=C sort > /list`;

const MAKER = `FROM ./linux.vhdx AS maker
RUN <<EOT
set -e
mkdir -p /opt/app/bin /opt/app/empty
echo 'echo made' > /opt/app/bin/tool
chown 12:34 /opt/app/bin/tool
chmod 4750 /opt/app/bin/tool
ln /opt/app/bin/tool /opt/app/bin/twin
ln -s bin/tool /opt/app/run
ln -s /opt/app /opt/current
chmod 1777 /opt/app/empty
truncate -s 1M /opt/app/hole
for name in one two; do echo $name > /opt/$name.txt; done
EOT
`;

describeWith([...new Set([...LINUX_GUEST_NEEDS, ...MACHINE_NEEDS])], 'Linux guests on Hyper-V', () => {
  let standIn: StandIn;
  let here: Machine;
  let secret: string[];

  beforeAll(async () => {
    standIn = await startStandIn();
    answerAsLinux(standIn.host);
    here = new Machine({ ...standIn.environment, HYPERFILE_DRIVER: 'hyperv' });
    const file = path.join(here.folder, 'guest.txt');
    writeFileSync(file, LINUX_SECRET);
    secret = ['--secret', `id=guest,src=${file}`];
    await makeLinuxDisk(path.join(here.context, 'linux.vhdx'));
    await makeWindowsDisk(path.join(here.context, 'windows.vhdx'), { files: { 'site/page.html': 'a page' } });
  });
  afterEach(async () => {
    expect(standIn.host.leftovers()).toEqual({ machines: [], disks: [], sessions: 0 });
    await here.expectNothingLeft();
  });
  afterAll(async () => {
    here.remove();
    await standIn.stop();
  });

  async function build(
    text: string,
    ...flags: string[]
  ): Promise<{ err: string; cmdlets: readonly string[] }> {
    const before = standIn.host.calls.length;
    const { status, err } = await here.build(text, [...secret, ...flags]);
    expect(status, err).toBe(0);
    return { err, cmdlets: standIn.host.calls.slice(before) };
  }

  async function failed(text: string): Promise<string> {
    const { status, err } = await here.build(text, [...secret]);
    expect(status, err).not.toBe(0);
    expectNoStack(err);
    return err;
  }

  const starts = (cmdlets: readonly string[]): number =>
    cmdlets.filter((cmdlet) => cmdlet === 'Start-VM').length;

  const COPIES = `${MAKER}
FROM ./linux.vhdx
COPY --from=maker /opt/current /srv/app
COPY --from=maker /opt/*.txt opt/app/run /srv/some/
COPY --from=maker --chown=7:8 --chmod=0600 /opt/one.txt /srv/named
RUN ${list('/srv')}
`;

  test('are copied from by other Linux guests: one boot to look into a stage, whatever is taken of it', async () => {
    const { cmdlets } = await build(COPIES, '-t', 'copied');
    // Of the maker, of what is copied from, and of each of four layers.
    expect(starts(cmdlets)).toBe(1 + 1 + 4);
    expect(cmdlets).not.toContain('Mount-VHD');
    const [leaf] = await here.chainOf('copied');
    const { list: listing } = await readGuestFiles(leaf, ['list']);
    expect(listing).toBe(`app d 755 0:0 4 
app/bin d 755 0:0 2 
app/bin/tool f 4750 12:34 2 
app/bin/twin f 4750 12:34 2 
app/empty d 1777 0:0 2 
app/hole f 644 0:0 1 
app/run l 777 0:0 1 bin/tool
named f 600 7:8 1 
some d 755 0:0 2 
some/one.txt f 644 0:0 1 
some/run f 4750 12:34 1 
some/two.txt f 644 0:0 1 
`);
    await here.expectWholeStore();
  });
  test('come from the cache without a word to the host', async () => {
    const { err, cmdlets } = await build(COPIES, '-t', 'copied');
    expect(err).toMatch(/\((\d+) steps, \1 cached\)/);
    expect(cmdlets).toEqual([]);
  });
  test('are looked into again when they have changed, and copied from when that has changed', async () => {
    const changed = COPIES.replace('ln -s /opt/app', 'touch /opt/other\nln -s /opt/app');
    const { err, cmdlets } = await build(changed);
    expect(err).toContain('(7 steps, 6 cached)');
    expect(starts(cmdlets)).toBe(2);
    const other = await build(changed.replace('echo $name', 'echo another $name'));
    expect(other.err).toContain('(7 steps, 3 cached)');
  });
  test('give files to Windows guests, and get files from them', async () => {
    const text = `${MAKER}
FROM ./windows.vhdx AS windows
COPY --from=maker /opt/app/bin/ /opt/*.txt C:/in/
FROM ./linux.vhdx
COPY --from=windows C:/site /srv/site
COPY --from=windows C:/IN/one.txt /srv/
RUN ${list('/srv')}
`;
    await build(text, '-t', 'mixed');
    await build(text, '-t', 'windows', '--target', 'windows');
    const [windows] = await here.chainOf('windows');
    expect(await readGuestFiles(windows, ['in/tool', 'in/twin', 'in/one.txt', 'in/two.txt'])).toEqual({
      'in/tool': 'echo made\n',
      'in/twin': 'echo made\n',
      'in/one.txt': 'one\n',
      'in/two.txt': 'two\n',
    });
    const [leaf] = await here.chainOf('mixed');
    const files = await readGuestFiles(leaf, ['list', 'srv/site/page.html']);
    expect(files['srv/site/page.html']).toBe('a page');
    expect(files.list).toBe(`one.txt f 755 0:0 1 
site d 755 0:0 2 
site/page.html f 755 0:0 1 
`);
  });
  test.each([
    ['/opt/app/bin/toll', /Did you mean "opt\/app\/bin\/tool"\?/],
    ['/opt/one.txt/below', /is not a directory|no directory/],
    ['/opt/[', /\[/],
  ])('say what is wrong with %s, and nothing is left', async (source, words) => {
    const err = await failed(`${MAKER}\nFROM ./linux.vhdx\nCOPY --from=maker ${source} /srv/\n`);
    expect(err).toMatch(words);
    expect(err).toContain(`COPY --from=maker ${source}`);
  });
  test.each(['SIGINT', 'SIGKILL'] as const)(
    'are let go of when a build that copies from one ends by %s',
    async (signal) => {
      const before = standIn.host.calls.length;
      const text = `${MAKER}\nFROM ./linux.vhdx\nCOPY --from=maker /opt /srv/\nRUN sleep 300\n`;
      const building = here.startBuild(text, [...secret, '--no-cache']);
      // The second one is looked into.
      while (starts(standIn.host.calls.slice(before)) < 2) await sleep(5);
      building.signalGroup(signal);
      const { err } = await building.ended;
      expectNoStack(err);
      await standIn.host.settled();
      await here.done(['images']);
      const run = path.join(here.home, 'run');
      expect(readdirSync(run)).toEqual([]);
    },
  );
  test('run commands without a network, in one boot with those that have one', async () => {
    const interfaces = (name: string): string =>
      `tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | sort > /${name}`;
    const { cmdlets } = await build(
      `FROM ./linux.vhdx
RUN --layer=false ${interfaces('before')}
RUN --layer=false --network=none ${interfaces('none')}
RUN ${interfaces('after')}
`,
      '-t',
      'offline',
    );
    expect(starts(cmdlets)).toBe(1);
    const [leaf] = await here.chainOf('offline');
    const { before, none, after } = await readGuestFiles(leaf, ['before', 'none', 'after']);
    expect(none).toBe('lo\n');
    expect(before?.split('\n').length).toBeGreaterThan(2);
    expect(after).toBe(before);
  });
});
