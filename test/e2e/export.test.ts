/** Exports and imports that are stopped: no half disk under any name, and no program that goes on alone. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { moments, writeBusyContext } from './support/busy-build.ts';
import { expectNoStack, expectRefusal, Site, SITE_NEEDS } from './support/site.ts';
import { processesOf } from '../support/traces.ts';

describeWith(SITE_NEEDS, 'an export', () => {
  const site = new Site();
  const disks = path.join(site.folder, 'disks');
  const stuck = path.join(site.folder, 'stuck');
  const stuckEnv = { PATH: `${stuck}:${process.env.PATH ?? ''}` };

  beforeAll(async () => {
    await site.prepare();
    writeBusyContext(site);
    await site.built('FROM shell\nCOPY big /big\n', ['-t', 'big']);
    mkdirSync(disks);
    // A qemu-img that never comes to its end.
    mkdirSync(stuck);
    writeFileSync(path.join(stuck, 'qemu-img'), '#!/bin/sh\nexec sleep 60\n');
    chmodSync(path.join(stuck, 'qemu-img'), 0o755);
  });

  afterEach(async () => {
    await site.expectNothingLeft();
    expect(readdirSync(disks)).toEqual([]);
  });

  afterAll(async () => {
    await site.expectCached();
    await site.expectWholeStore();
    site.remove();
  });

  const stuckAtWork = async () => {
    while (!processesOf(site.folder).some((line) => line.endsWith(' sleep 60 '))) await sleep(10);
  };

  test('that is interrupted at any moment leaves no file', async () => {
    for (const delayMs of moments(6, 700)) {
      const target = path.join(disks, 'big.vhdx');
      const running = site.start(['export', '--progress', 'plain', 'big', '-o', target]);
      await sleep(delayMs);
      running.signalGroup('SIGINT');
      const ended = await running.ended;
      expectNoStack(ended.err);
      if (ended.status === 0) execFileSync('rm', [target]);
      else if (ended.signal === null) expectRefusal(ended, 130, ['interrupted']);
      expect(readdirSync(disks)).toEqual([]);
    }
  });

  test('that is interrupted during a conversion leaves no file', async () => {
    const running = site.start(['export', 'big', '-o', path.join(disks, 'big.qcow2')], { env: stuckEnv });
    await stuckAtWork();
    running.signalGroup('SIGINT');
    expectRefusal(await running.ended, 130, ['interrupted']);
  });

  test('that is killed outright leaves what the next command removes', async () => {
    const running = site.start(['export', 'big', '-o', path.join(disks, 'big.qcow2')], { env: stuckEnv });
    await stuckAtWork();
    running.signal('SIGKILL');
    await running.ended;
    expect((await site.run(['images'])).err).toBe('');
  });

  test('to a folder that is not there, or over a file, is refused', async () => {
    const missing = await site.run(['export', 'big', '-o', path.join(disks, 'nowhere/big.vhdx')]);
    expectRefusal(missing, 2, [path.join(disks, 'nowhere')]);
    const taken = path.join(site.folder, 'taken.vhdx');
    writeFileSync(taken, 'mine');
    expectRefusal(await site.run(['export', 'big', '-o', taken]), 2, [`${taken} exists already`]);
  });

  test.each(['SIGINT', 'SIGKILL'] as const)('an import is stopped by %s as well', async (signal) => {
    const source = path.join(site.folder, `source-${signal}.qcow2`);
    execFileSync('qemu-img', ['create', '-q', '-f', 'qcow2', source, '64M']);
    const running = site.start(['import', source, 'never'], { env: stuckEnv });
    await stuckAtWork();
    running.signalGroup(signal);
    const ended = await running.ended;
    if (signal === 'SIGINT') expectRefusal(ended, 130, ['interrupted']);
    const { out, err } = await site.run(['images']);
    expect(err).toBe('');
    expect(out).not.toContain('never');
  });
});
