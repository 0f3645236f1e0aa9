/** FROM ./windows.iso through the command line and the real PowerShell, on the stand-in's Hyper-V host. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { readGuestFiles } from '../support/powershell/standin/read-disk.ts';
import { startStandIn, type StandIn } from '../support/powershell/standin/standin.ts';
import { makeWindowsMedium, MEDIUM_NEEDS } from '../support/powershell/standin/windows-medium.ts';
import { Machine, MACHINE_NEEDS } from './support/registry-machine.ts';

const ANSWERS = '<unattend xmlns="urn:schemas-microsoft-com:unattend"/>\n';
const LONGEST_MS = 200_000;

describeWith([...new Set([...MEDIUM_NEEDS, ...MACHINE_NEEDS])], 'a Windows guest from its medium', () => {
  let standIn: StandIn;
  let machine: Machine;

  beforeAll(async () => {
    standIn = await startStandIn();
    machine = new Machine({ ...standIn.environment, HYPERFILE_DRIVER: 'hyperv' });
    await makeWindowsMedium(path.join(machine.context, 'windows.iso'));
    writeFileSync(path.join(machine.context, 'answers.xml'), ANSWERS);
    writeFileSync(path.join(machine.context, 'page.html'), 'hello');
    writeFileSync(path.join(machine.context, 'guest.txt'), 'Administrator\nPassw0rd!\n');
  });
  afterAll(async () => {
    expect(standIn.host.leftovers()).toEqual({ machines: [], disks: [], sessions: 0 });
    await machine.expectNothingLeft();
    machine.remove();
    await standIn.stop();
  });

  const recipe = (edition: string): string =>
    `# escape=\`\nFROM --edition="${edition}" --unattend=answers.xml ./windows.iso\nCOPY page.html C:\\site\\\nRUN type C:\\site\\page.html> C:\\site\\ran.html\n`;

  test('is installed, sets itself up when it is first started, and is found in the cache the next time', async () => {
    Object.assign(standIn.host.guest, { accountsAfterMs: Infinity, setUpAfterMs: Infinity });
    const secret = `id=guest,src=${path.join(machine.context, 'guest.txt')}`;
    const flags = ['--disk-size', '400M', '--secret', secret, '-t', 'page'];
    const building = machine.build(recipe('windows 11 home'), flags);
    const asked = (): number => standIn.host.calls.filter((cmdlet) => cmdlet === 'New-PSSession').length;
    // Asked once more is after a refusal.
    const isRefused = vi.waitUntil(() => asked() > 1, { timeout: LONGEST_MS }).catch(() => undefined);
    await Promise.race([building, isRefused]);
    Object.assign(standIn.host.guest, { accountsAfterMs: 0, setUpAfterMs: 0 });
    const { status, err } = await building;
    expect(status, err).toBe(0);
    expect(err).toContain('Windows is setting itself up and does not know the account yet');
    const [leaf, ...below] = await machine.chainOf('page');
    const names = ['site/ran.html', 'Windows/System32/edition.txt', 'Windows/Panther/unattend.xml'];
    expect(await readGuestFiles(leaf, names)).toEqual({
      'site/ran.html': 'hello',
      'Windows/System32/edition.txt': 'Windows 11 Home',
      'Windows/Panther/unattend.xml': ANSWERS,
    });
    expect(below).toHaveLength(2);
    const before = standIn.host.calls.length;
    const again = await machine.build(recipe('Windows 11 Home'), flags);
    expect(again.status, again.err).toBe(0);
    expect(standIn.host.calls.slice(before)).toEqual([]);
  });

  test('names the editions that there are', async () => {
    const { status, err } = await machine.build(recipe('Windows 11'), ['--disk-size', '400M']);
    expect(status).toBe(4);
    expect(err).toContain('has no edition "Windows 11"; it has 1 "Windows 11 Home", 2 "Windows 11 Pro"');
  });
});
