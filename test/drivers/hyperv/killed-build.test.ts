/** A build that is killed between any two operations on the host leaves nothing that the next command does not remove. */
import { spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { cleanStaleSessions } from '../../../src/drivers/drivers.ts';
import type { GuestAccess } from '../../../src/drivers/hyperv/guest/guest.ts';
import { describeWith } from '../../support/needs.ts';
import { STANDIN_NEEDS } from '../../support/powershell/standin/standin.ts';
import { makeWindowsDisk } from '../../support/powershell/standin/windows-disk.ts';
import { SSH_SERVER_NEEDS, startSshServer, type SshServer } from '../../support/ssh-server.ts';
import { ACCESS } from './line.ts';
import { HyperVSite } from './site.ts';

/** What killed-build.ts is told. */
export interface Build {
  readonly base: string;
  readonly seal: string;
  readonly access: GuestAccess;
  readonly isLinux?: boolean;
}

interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
}

describeWith(STANDIN_NEEDS, 'a build that is killed', () => {
  const site = new HyperVSite();

  beforeAll(async () => {
    await site.prepare();
    for (const [name, value] of Object.entries(site.standIn.environment)) vi.stubEnv(name, value);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await site.remove();
  });

  function build(options: Build, last?: number): Promise<Ended> {
    const script = path.join(import.meta.dirname, 'killed-build.ts');
    const args = [script, site.store, JSON.stringify(options), ...(last === undefined ? [] : [String(last)])];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    return new Promise((resolve) => child.on('close', (status, signal) => resolve({ status, signal, out })));
  }

  /** A build seals what it can; that is the store's to keep or not. */
  function removeLayers(): void {
    for (const name of readdirSync(site.store).filter((file) => /^(one|two|three)\.vhdx$/.test(file)))
      rmSync(path.join(site.store, name));
  }

  /** Kills a build before each call that it makes, and cleans up as the next command does. */
  async function expectNothingLeft(options: Build): Promise<void> {
    const whole = await build(options);
    expect(whole).toMatchObject({ status: 0, signal: null });
    removeLayers();
    site.expectClean();
    const count = Number(whole.out);
    expect(count).toBeGreaterThan(8);
    for (let last = 2; last <= count; last++) {
      expect(await build(options, last)).toMatchObject({ signal: 'SIGKILL' });
      // A PowerShell of its own, as the next command has, once; then one for all the others.
      if (last === count) expect(await cleanStaleSessions(site.store)).toBe(1);
      else await site.cleanUp();
      expect(readdirSync(site.store)).not.toContain('three.vhdx');
      removeLayers();
      site.expectClean();
    }
  }

  test.each(['shutdown', 'checkpoint'])(
    'before any call of PowerShell leaves what the next command removes, with seals by %s',
    (seal) => expectNothingLeft({ base: site.base, seal, access: ACCESS }),
  );

  describeWith(SSH_SERVER_NEEDS, 'for a Linux guest', () => {
    let server: SshServer;
    const base = path.join(site.folder, 'linux.vhdx');

    beforeAll(async () => {
      await makeWindowsDisk(base, { fileSystem: 'ext4' });
      server = await startSshServer();
      site.standIn.host.guest.addresses = [server.address];
    });
    afterAll(() => server.stop());

    test('before any call of PowerShell leaves what the next command removes', () =>
      expectNothingLeft({
        base,
        seal: 'shutdown',
        access: { userName: 'root', privateKey: server.privateKey },
        isLinux: true,
      }));
  });
});
