/** How layers are taken from guests that run, in the real PowerShell against the stand-in. */
import { existsSync, readdirSync } from 'node:fs';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { HyperVDriver } from '../../../src/drivers/hyperv/driver.ts';
import { openChain } from '../../../src/vhdx/chain.ts';
import { describeWith } from '../../support/needs.ts';
import { STANDIN_NEEDS } from '../../support/powershell/standin/standin.ts';
import { runLine } from './line.ts';
import { HyperVSite } from './site.ts';

describeWith(STANDIN_NEEDS, 'a layer of a guest that runs', () => {
  const site = new HyperVSite();
  let driver: HyperVDriver;

  beforeAll(() => site.prepare());
  afterAll(() => site.remove());
  afterEach(async () => {
    await driver.close();
  });

  function starts(): number {
    return site.standIn.host.calls.filter((name) => name === 'Start-VM').length;
  }

  function chainOf(leaf: string): string[] {
    const chain = openChain(leaf);
    chain.close();
    return chain.layers.map((layer) => layer.path);
  }

  test('is not made when the guest does not shut down, and nothing is left of it', async () => {
    driver = site.driver({ options: { 'stop-timeout': '1s' } });
    const sandbox = await driver.open({ chain: [site.base], sandboxPath: site.layer('one') });
    await runLine(sandbox, 'echo half> C:\\half.txt');
    site.standIn.host.guest.shutdownTakesMs = Infinity;
    try {
      await expect(sandbox.seal(site.layer('two'))).rejects.toMatchObject({
        code: 'HYPERV_SHUTDOWN_TIMEOUT',
        message: 'the guest did not shut down within 1 s, and its machine was switched off',
      });
      await expect(sandbox.seal()).rejects.toMatchObject({ code: 'DRIVER_SANDBOX_CLOSED' });
    } finally {
      site.standIn.host.guest.shutdownTakesMs = 0;
    }
    await driver.close();
    site.expectClean();
  });

  test('waits for a guest that was asked from inside, where nobody pulls the plug after a while', async () => {
    driver = site.driver();
    const { calls, guest } = site.standIn.host;
    const sandbox = await driver.open({ chain: [site.base], sandboxPath: site.layer('one') });
    await runLine(sandbox, 'echo whole> C:\\whole.txt');
    const before = calls.length;
    guest.shutdownTakesMs = 1000;
    await sandbox.seal().finally(() => (guest.shutdownTakesMs = 0));
    expect(calls.slice(before)).toContain('guest: shutdown');
    expect(calls.slice(before)).not.toContain('Stop-VM');
    expect(await site.read(site.layer('one'), 'whole.txt')).toBe('whole\r\n');
    await driver.close();
    site.expectClean(['one']);
  });

  test('is a copy of what a checkpoint froze, and the guest goes on without a restart', async () => {
    driver = site.driver({ options: { seal: 'checkpoint' } });
    const [one, two, three] = ['one', 'two', 'three'].map((name) => site.layer(name));
    const before = starts();
    const sandbox = await driver.open({ chain: [site.base], sandboxPath: one });
    await runLine(sandbox, 'echo 1> C:\\one.txt');
    await sandbox.seal(two);
    expect(existsSync(one)).toBe(true);
    expect((await runLine(sandbox, 'type C:\\one.txt && echo 2> C:\\two.txt')).stdout).toBe('1\r\n');
    await sandbox.seal(three);
    await runLine(sandbox, 'echo 3> C:\\three.txt');
    await sandbox.seal();
    expect(starts()).toBe(before + 1);
    await driver.close();
    expect(chainOf(three)).toEqual([three, two, one, site.base]);
    expect(await site.read(one, 'one.txt')).toBe('1\r\n');
    expect(await site.read(one, 'two.txt')).toBeUndefined();
    expect(await site.read(two, 'two.txt')).toBe('2\r\n');
    expect(await site.read(two, 'three.txt')).toBeUndefined();
    expect(await site.read(three, 'three.txt')).toBe('3\r\n');
    site.expectClean(['one', 'two', 'three']);
  });

  test('of checkpoints lets a row of commands have one boot; a file step between them ends the guest', async () => {
    driver = site.driver({ options: { seal: 'checkpoint' } });
    const { calls } = site.standIn.host;
    const rowStarts = calls.length;
    const row = await driver.open({ chain: [site.base], sandboxPath: site.layer('one') });
    await runLine(row, 'echo 1> C:\\one.txt');
    await row.seal(site.layer('two'));
    await runLine(row, 'echo 2> C:\\two.txt');
    await row.seal();
    const ofTheGuest = (name: string): boolean =>
      ['Start-VM', 'Checkpoint-VM', 'guest: shutdown'].includes(name);
    expect(calls.slice(rowStarts).filter(ofTheGuest)).toEqual(['Start-VM', 'Checkpoint-VM', 'Checkpoint-VM']);
    const mixedStarts = calls.length;
    const mixed = await driver.open({ chain: [site.base], sandboxPath: site.layer('three') });
    await runLine(mixed, 'echo 3> C:\\three.txt');
    await mixed.seal(site.layer('four'));
    const content = Buffer.from('copied');
    await mixed.files.writeFile({ destination: 'C:\\copied.txt', name: 'copied.txt', content });
    await mixed.seal(site.layer('five'));
    await runLine(mixed, 'type C:\\copied.txt');
    await mixed.seal();
    expect(calls.slice(mixedStarts).filter(ofTheGuest)).toEqual([
      ...['Start-VM', 'Checkpoint-VM', 'guest: shutdown'],
      ...['Start-VM', 'Checkpoint-VM'],
    ]);
    await driver.close();
    site.expectClean(['one', 'two', 'three', 'four', 'five']);
  });

  test('of checkpoints holds file steps in between, other machines and restarts, too', async () => {
    driver = site.driver({ options: { seal: 'checkpoint' } });
    const [one, two, three] = ['one', 'two', 'three'].map((name) => site.layer(name));
    const sandbox = await driver.open({ chain: [site.base], sandboxPath: one });
    const write = (name: string): Promise<void> =>
      sandbox.files.writeFile({ destination: `C:\\${name}`, name, content: Buffer.from(name) });
    await write('a.txt');
    await runLine(sandbox, 'echo 1> C:\\one.txt');
    await sandbox.seal(two);
    await runLine(sandbox, 'echo 2> C:\\two.txt');
    // What the last command wrote is in no layer yet.
    await write('b.txt');
    await sandbox.seal(three);
    await runLine(sandbox, 'type C:\\b.txt && echo 3> C:\\three.txt');
    await sandbox.restart();
    await runLine(sandbox, 'type C:\\three.txt && echo 4> C:\\four.txt', { network: 'none' });
    await sandbox.seal();
    await driver.close();
    expect(chainOf(three)).toEqual([three, two, one, site.base]);
    expect(await site.read(one, 'a.txt')).toBe('a.txt');
    expect(await site.read(one, 'two.txt')).toBeUndefined();
    expect(await site.read(two, 'two.txt')).toBe('2\r\n');
    expect(await site.read(two, 'b.txt')).toBe('b.txt');
    expect(await site.read(two, 'three.txt')).toBeUndefined();
    expect(await site.read(three, 'four.txt')).toBe('4\r\n');
    site.expectClean(['one', 'two', 'three']);
  });

  test('of checkpoints that fails leaves neither a layer nor the files that the machine worked on', async () => {
    driver = site.driver({ options: { seal: 'checkpoint' } });
    const sandbox = await driver.open({ chain: [site.base], sandboxPath: site.layer('one') });
    await runLine(sandbox, 'echo 1> C:\\one.txt');
    site.standIn.host.faults.failNext.set('Checkpoint-VM', 'operationFailed');
    await expect(sandbox.seal(site.layer('two'))).rejects.toMatchObject({ code: 'POWERSHELL_FAILED' });
    await driver.close();
    site.expectClean();
    expect(readdirSync(site.store)).not.toContain('one.vhdx');
  });
});
