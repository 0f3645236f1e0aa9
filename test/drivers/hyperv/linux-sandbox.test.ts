/**
 * Sandboxes of Linux guests on Hyper-V: the stand-in's machine has an ext4 disk, and tells the address of a real SSH
 * server with a root file system of its own. So what steps do is seen there, and not on the disk.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { GuestCommand, Sandbox } from '../../../src/drivers/driver.ts';
import { describeWith } from '../../support/needs.ts';
import { STANDIN_NEEDS } from '../../support/powershell/standin/standin.ts';
import { makeWindowsDisk } from '../../support/powershell/standin/windows-disk.ts';
import { SSH_SERVER_NEEDS, startSshServer, type SshServer } from '../../support/ssh-server.ts';
import { HyperVSite } from './site.ts';

describeWith([...STANDIN_NEEDS, ...SSH_SERVER_NEEDS], 'a sandbox of a Linux guest on Hyper-V', () => {
  const site = new HyperVSite();
  let base: string;
  let server: SshServer;
  let driver: ReturnType<HyperVSite['driver']>;

  beforeAll(async () => {
    await site.prepare();
    base = path.join(site.folder, 'linux.vhdx');
    await makeWindowsDisk(base, { fileSystem: 'ext4' });
    server = await startSshServer();
    site.standIn.host.guest.addresses = [server.address];
  });
  afterAll(async () => {
    await server.stop();
    await site.remove();
  });
  afterEach(async () => {
    await driver.close();
    site.expectClean();
  });

  function open(): Promise<Sandbox> {
    const { privateKey } = server;
    driver = site.driver({ guestAccess: () => Promise.resolve({ userName: 'root', privateKey }) });
    return driver.open({ chain: [base], sandboxPath: site.layer('one') });
  }

  async function run(sandbox: Sandbox, script: string, more: Partial<GuestCommand> = {}): Promise<string> {
    let out = '';
    const command = {
      argv: ['sh', '-c', script],
      env: {},
      workdir: '/',
      user: '',
      network: 'host',
      ...more,
    } as const;
    const { status } = await sandbox.run(command, { onOutput: (_, chunk) => void (out += chunk.toString()) });
    expect(status, out).toBe(0);
    return out;
  }

  test('gets its files through the guest, in few round trips and the boot that its commands run in', async () => {
    const sandbox = await open();
    const { host } = site.standIn;
    const starts = (): number => host.calls.filter((name) => name === 'Start-VM').length;
    const content = Buffer.from('a page');
    await sandbox.files.writeFile({ destination: '/root/page', name: 'page', content });
    expect(readFileSync(path.join(server.root, 'root/page'), 'utf8')).toBe('a page');
    expect(await run(sandbox, 'cat /root/page')).toBe('a page');
    expect(starts()).toBe(1);
    expect([...host.machines.values()][0]).toMatchObject({
      secureBoot: 'On',
      secureBootTemplate: 'MicrosoftUEFICertificateAuthority',
    });
    expect(host.calls).not.toContain('Mount-VHD');
    await sandbox.seal(site.layer('two'));
    // Of a file step as of a command: both, and the look at the host, are no more than one may be.
    expect(driver.powershell.callCount).toBeLessThanOrEqual(4);
    expect([...host.machines.values()][0].state).toBe('Off');
    expect(await run(sandbox, 'cat /root/page')).toBe('a page');
    await sandbox.seal();
    expect(existsSync(site.layer('two'))).toBe(true);
    await driver.close();
    site.expectClean(['one', 'two']);
  });

  test('runs commands with and without a network in one boot of one machine', async () => {
    const sandbox = await open();
    const { host } = site.standIn;
    const before = host.calls.length;
    const names = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '";
    expect(await run(sandbox, names, { network: 'none' })).toBe('lo\n');
    expect([...host.machines.values()][0].adapters[0].switchName).toBeDefined();
    expect(await run(sandbox, names)).not.toBe('lo\n');
    expect(host.calls.slice(before).filter((name) => ['New-VM', 'Start-VM'].includes(name))).toHaveLength(2);
  });

  test.each(['shutdown', 'checkpoint'])(
    'is booted on a difference of its own when its files are first wanted, and that is gone afterwards (%s)',
    async (seal) => {
      const { privateKey } = server;
      const guestAccess = () => Promise.resolve({ userName: 'root', privateKey });
      driver = site.driver({ guestAccess, options: { seal } });
      const { host } = site.standIn;
      const before = readFileSync(base);
      const view = await driver.open({ chain: [base], machine: { memoryBytes: 1024 ** 3 } });
      expect(host.machines.size).toBe(0);
      const { reader } = await view.files.asSource({ sources: ['/etc/passwd'] });
      expect(reader?.names('/etc')).toEqual(['passwd']);
      expect([...host.machines.values()]).toMatchObject([
        { state: 'Running', memoryStartupBytes: 1024 ** 3 },
      ]);
      await view.files.asSource({ sources: ['/etc/group'] });
      expect(host.machines.size).toBe(1);
      await view.close();
      expect(host.machines.size).toBe(0);
      expect(readFileSync(base).equals(before)).toBe(true);
    },
  );
});
