/** The driver for Hyper-V besides its sandboxes, in the real PowerShell against the stand-in. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { runTool } from '../../../src/base/process.ts';
import { openSession, staleSessions } from '../../../src/base/session.ts';
import { randomGuid } from '../../../src/bytes/guid.ts';
import { copyDisk } from '../../../src/disk/copy.ts';
import { createRawDisk, openRawDisk } from '../../../src/disk/file-disk.ts';
import type { HyperVDriver } from '../../../src/drivers/hyperv/driver.ts';
import { HyperVHost } from '../../../src/drivers/hyperv/host.ts';
import { cleanLeftovers } from '../../../src/drivers/hyperv/leftovers.ts';
import { PARTITION_TYPE } from '../../../src/gpt/format.ts';
import { writeGpt } from '../../../src/gpt/write.ts';
import { createDisk } from '../../../src/vhdx/sandbox.ts';
import { describeWith } from '../../support/needs.ts';
import { attachLoop, detachLoop } from '../../support/powershell/standin/host/loop.ts';
import { mount } from '../../support/powershell/standin/host/mounts.ts';
import { STANDIN_NEEDS } from '../../support/powershell/standin/standin.ts';
import { HyperVSite } from './site.ts';

const MIB = 1024 ** 2;

/** A disk with two NTFS volumes: Windows is on the smaller one. */
async function makeTwoVolumes(filePath: string): Promise<void> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'two-volumes-'));
  const rawPath = path.join(folder, 'disk.raw');
  const parts = [
    { offset: MIB, length: 40 * MIB },
    { offset: 41 * MIB, length: 80 * MIB },
  ];
  const raw = createRawDisk(rawPath, 122 * MIB);
  const type = PARTITION_TYPE.microsoftBasicData;
  const partitions = parts.map((part) => ({ ...part, type, id: randomGuid(), name: '' }));
  writeGpt(raw, { diskId: randomGuid(), partitions });
  raw.close();
  for (const part of parts) {
    const device = await attachLoop({ rawPath, ...part, readOnly: false });
    await runTool('mkntfs', ['--quick', '--force', device]);
    await detachLoop(device);
  }
  const place = path.join(folder, 'volume');
  const volume = await mount({ rawPath, ...parts[0], type: 'ntfs', folder: place, readOnly: false });
  await runTool('mkdir', ['-p', path.join(place, 'Windows/System32')]);
  await volume.unmount();
  const source = openRawDisk(rawPath);
  const disk = createDisk(filePath, { sizeBytes: source.sizeBytes });
  Array.from(copyDisk(source, disk));
  disk.seal();
  disk.close();
  source.close();
  rmSync(folder, { recursive: true });
}

describeWith(STANDIN_NEEDS, 'the driver for Hyper-V', () => {
  const site = new HyperVSite();
  let driver: HyperVDriver | undefined;

  beforeAll(() => site.prepare());
  afterAll(() => site.remove());
  afterEach(async () => {
    await driver?.close();
    driver = undefined;
    site.expectClean();
  });

  test('says what the host has', async () => {
    driver = site.driver();
    const findings = await driver.probe();
    expect(findings.map(({ what }) => what)).toContainEqual(expect.stringMatching(/^Hyper-V \(module/));
    expect(findings.map(({ what }) => what)).toContain('virtual switches: Default Switch');
  });

  test('finds the root file system without asking Hyper-V', async () => {
    const made = site.driver();
    driver = made;
    expect(await made.findRoot([site.base])).toEqual({ offset: 21 * MIB, length: 74 * MIB, type: 'ntfs' });
    expect(made.powershell.callCount).toBe(0);
  });

  test('has Hyper-V look where several volumes could hold Windows', async () => {
    const disk = path.join(site.folder, 'two.vhdx');
    await makeTwoVolumes(disk);
    driver = site.driver();
    expect(await driver.findRoot([disk])).toEqual({ offset: MIB, length: 40 * MIB, type: 'ntfs' });
  });

  test('makes no empty disks', async () => {
    driver = site.driver();
    const making = driver.create({ path: site.layer('new'), sizeBytes: 1024 * MIB });
    await expect(making).rejects.toMatchObject({ code: 'HYPERV_UNSUPPORTED' });
  });

  test('cleans up after a command that was killed while it made a disk', async () => {
    const session = openSession(site.store);
    const unfinished = site.layer('unfinished');
    session.claim(unfinished);
    session.claim(site.layer('not-begun'));
    writeFileSync(unfinished, 'vhdxfile, and nothing more yet');
    // As if this process had ended.
    const stale = {
      folder: session.folder,
      files: [unfinished, site.layer('not-begun')],
      remove: () => session.close(),
    };
    await cleanLeftovers(new HyperVHost(site.powershell, 'mark'), [stale]);
    rmSync(unfinished);
    expect(staleSessions(site.store)).toEqual([]);
  });
});
