/** Guests that set themselves up when they are first started, in the real PowerShell against the stand-in. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { HyperVDriver } from '../../../src/drivers/hyperv/driver.ts';
import type { PowerShellSession } from '../../../src/drivers/hyperv/session/session.ts';
import { describeWith } from '../../support/needs.ts';
import { promptGuest } from '../../support/powershell/standin/host/faults.ts';
import { stateFile } from '../../support/powershell/standin/host/first-start.ts';
import { STANDIN_NEEDS } from '../../support/powershell/standin/standin.ts';
import { makeWindowsDisk } from '../../support/powershell/standin/windows-disk.ts';
import { ACCESS, runLine } from './line.ts';
import { HyperVSite } from './site.ts';

const ANSWERS = { 'Windows/Panther/unattend.xml': '<unattend/>' };
const WAITS = {
  account: 'Windows is setting itself up and does not know the account yet',
  end: 'Windows is setting itself up',
};

describeWith(STANDIN_NEEDS, 'a guest that sets itself up at its first start', () => {
  const site = new HyperVSite();
  let driver: HyperVDriver & { powershell: PowerShellSession };
  let made: string[];

  beforeAll(() => site.prepare());
  afterAll(() => site.remove());
  afterEach(async () => {
    Object.assign(site.standIn.host.guest, promptGuest());
    await driver.close();
    site.expectClean(['installed', ...made]);
  });

  /** It goes on when it has been seen as it is. */
  function goOn(status: string | undefined): void {
    const { guest } = site.standIn.host;
    if (status === WAITS.account) guest.accountsAfterMs = 0;
    if (status === WAITS.end) guest.setUpAfterMs = 0;
  }

  /** A base that was installed and never started. */
  async function openNew(
    files: Readonly<Record<string, string>>,
    options: Parameters<HyperVSite['driver']>[0] = {},
    onStatus: (status: string | undefined) => void = goOn,
  ) {
    await makeWindowsDisk(site.layer('installed'), { files });
    driver = site.driver(options);
    made = [];
    const waits: (string | undefined)[] = [];
    const sandbox = await driver.open({
      chain: [site.layer('installed')],
      sandboxPath: site.layer('one'),
      onStatus: (status) => {
        waits.push(status);
        onStatus(status);
      },
    });
    return { sandbox, waits };
  }

  test('is waited for, and told of, until it has; its next start is like any other', async () => {
    Object.assign(site.standIn.host.guest, { accountsAfterMs: Infinity, setUpAfterMs: Infinity });
    const { sandbox, waits } = await openNew({ ...stateFile('GENERALIZE_RESEAL_TO_OOBE'), ...ANSWERS });
    const before = driver.powershell.callCount;
    const { stdout } = await runLine(sandbox, 'type C:\\Windows\\Setup\\State\\State.ini');
    expect(stdout).toContain('IMAGE_STATE_COMPLETE');
    await sandbox.seal(site.layer('two'));
    made = ['one'];
    expect(driver.powershell.callCount - before).toBeLessThanOrEqual(8);
    expect(waits).toEqual(expect.arrayContaining([WAITS.account, WAITS.end, undefined]));
    expect(waits.at(-1)).toBeUndefined();
    waits.length = 0;
    expect((await runLine(sandbox, 'echo again')).stdout).toBe('again\r\n');
    expect(waits).not.toContain(WAITS.account);
    expect(waits).not.toContain(WAITS.end);
  });

  test('is known by a disk that file steps have looked at before', async () => {
    site.standIn.host.guest.setUpAfterMs = Infinity;
    const { sandbox } = await openNew(stateFile('GENERALIZE_RESEAL_TO_OOBE'));
    // An evaluation disk gets its answers by COPY.
    await sandbox.files.writeFile({
      destination: 'C:\\Windows\\Panther\\unattend.xml',
      name: 'unattend.xml',
      content: Buffer.from('<unattend/>'),
    });
    await sandbox.seal(site.layer('two'));
    made = ['one'];
    expect((await runLine(sandbox, 'echo up')).stdout).toBe('up\r\n');
  });

  test('is given up in time when nobody answers its questions', async () => {
    const options = { 'setup-timeout': '1500ms', 'boot-timeout': '100ms' };
    const { sandbox } = await openNew(stateFile('GENERALIZE_RESEAL_TO_OOBE'), { options });
    const running = runLine(sandbox, 'echo up');
    await expect(running).rejects.toMatchObject({ code: 'HYPERV_GUEST_SETTING_UP' });
    await expect(running).rejects.toThrow(/was still setting itself up after 1.5 s: /);
  });

  test('is given up in time when it takes the account and never ends', async () => {
    const options = { 'setup-timeout': '3s' };
    site.standIn.host.guest.setUpAfterMs = Infinity;
    const files = { ...stateFile('UNDEPLOYABLE'), ...ANSWERS };
    const { sandbox } = await openNew(files, { options }, () => undefined);
    await expect(runLine(sandbox, 'echo up')).rejects.toThrow(/after 3 s: IMAGE_STATE_UNDEPLOYABLE$/);
  });

  test('is not waited for in audit mode, where it never ends', async () => {
    const { sandbox } = await openNew(stateFile('GENERALIZE_RESEAL_TO_AUDIT'));
    expect((await runLine(sandbox, 'echo up')).stdout).toBe('up\r\n');
  });

  test('that says nothing of itself may take its time with the account, and is used as soon as it takes it', async () => {
    const { guest } = site.standIn.host;
    await makeWindowsDisk(site.layer('installed'), { files: { 'Windows/Setup/State/State.ini': '' } });
    driver = site.driver();
    made = [];
    guest.userName = 'defaultuser0';
    const sandbox = await driver.open({
      chain: [site.layer('installed')],
      sandboxPath: site.layer('one'),
      onStatus: (status) => {
        if (status === WAITS.account) guest.userName = ACCESS.userName;
      },
    });
    expect((await runLine(sandbox, 'echo up')).stdout).toBe('up\r\n');
  });
});
