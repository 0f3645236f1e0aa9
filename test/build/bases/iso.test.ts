/** Bases from installation media: what is asked of the driver, and when it is not asked again. */
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { InstallRequest, RootPartition } from '../../../src/drivers/driver.ts';
import { windowsDiskLayout } from '../../../src/gpt/windows-disk.ts';
import { createVhdx } from '../../../src/vhdx/create.ts';
import { Yard } from '../building.ts';
import { WindowsDriver } from '../windows-driver.ts';

const MIB = 1024 ** 2;
const DISK_BYTES = 512 * MIB;

/** Makes an empty disk, and remembers what it was to be. */
class Installer extends WindowsDriver {
  readonly installed: InstallRequest[] = [];
  /** Of the next installation. */
  failure: Error | undefined;

  install(request: InstallRequest): Promise<RootPartition> {
    this.installed.push(request);
    createVhdx(request.path, { sizeBytes: request.sizeBytes });
    if (this.failure) return Promise.reject(this.failure);
    request.onProgress({ done: 5, total: 10, unit: 'bytes' });
    return Promise.resolve({ ...windowsDiskLayout(request.sizeBytes).system, type: 'ntfs' });
  }
}

/** As much of an image of a disc as anyone looks at. */
function disc(text: string): Buffer {
  const bytes = Buffer.alloc(40 * 1024);
  bytes.write('\x01CD001', 16 * 2048, 'latin1');
  bytes.write(text, 39 * 1024);
  return bytes;
}

describe('a base from an installation medium', () => {
  const yard = new Yard();
  const driver = new Installer();
  const medium = path.join(yard.context, 'windows.iso');
  const answers = path.join(yard.context, 'answers.xml');

  beforeAll(() => {
    yard.write({ 'answers.xml': '<unattend/>' });
    writeFileSync(medium, disc('one'));
  });
  afterAll(() => {
    expect(yard.strayLayers()).toEqual([]);
    yard.remove();
  });

  async function build(flags: string, asked: WindowsDriver = driver) {
    const options = { diskSizeBytes: DISK_BYTES };
    return yard.build(`FROM ${flags} ./windows.iso\n`, options, undefined, asked.choose);
  }

  /** How often the driver was asked by a build. */
  async function times(flags: string): Promise<number> {
    const before = driver.installed.length;
    await build(flags);
    return driver.installed.length - before;
  }

  test('is made once, and the image says where Windows lies', async () => {
    const { image, events } = await build('--edition="Windows 11 Pro" --unattend=answers.xml');
    expect(driver.installed).toMatchObject([
      { sizeBytes: DISK_BYTES, mediumPath: medium, edition: 'Windows 11 Pro', unattendPath: answers },
    ]);
    const { config } = await (await yard.store()).image(image.id);
    const { offset, length } = windowsDiskLayout(DISK_BYTES).system;
    expect(config).toMatchObject({
      os: 'windows',
      disk: { sizeBytes: DISK_BYTES, rootOffset: offset, rootLength: length, rootType: 'ntfs' },
      config: { workdir: 'C:\\', shell: ['cmd', '/S', '/C'] },
    });
    expect(config.layers).toHaveLength(1);
    expect(events).toContainEqual(
      expect.objectContaining({
        type: 'step-progress',
        what: 'installed',
        progress: { done: 5, total: 10, unit: 'bytes' },
      }),
    );
    expect(await times('--edition="windows 11 PRO" --unattend=answers.xml')).toBe(0);
  });

  test('is another for another edition, other answers, another disk or another medium', async () => {
    const flags = '--edition="Windows 11 Pro" --unattend=answers.xml';
    expect(await times('--edition="Windows 11 Home" --unattend=answers.xml')).toBe(1);
    expect(await times('--edition="Windows 11 Pro"')).toBe(1);
    expect(driver.installed.at(-1)).not.toHaveProperty('unattendPath');
    expect(await times('')).toBe(1);
    expect(driver.installed.at(-1)).not.toHaveProperty('edition');
    yard.write({ 'answers.xml': '<unattend>other</unattend>' });
    expect(await times(flags)).toBe(1);
    writeFileSync(medium, disc('two'));
    expect(await times(flags)).toBe(1);
    expect(await times(flags)).toBe(0);
    const before = driver.installed.length;
    const larger = { diskSizeBytes: 2 * DISK_BYTES };
    await yard.build(`FROM ${flags} ./windows.iso\n`, larger, undefined, driver.choose);
    expect(driver.installed.slice(before)).toMatchObject([{ sizeBytes: 2 * DISK_BYTES }]);
  });

  test('leaves nothing when it fails', async () => {
    driver.failure = new Error('the medium broke');
    writeFileSync(medium, disc('three'));
    await expect(build('')).rejects.toThrow('the medium broke');
    driver.failure = undefined;
    expect(yard.strayLayers()).toEqual([]);
    expect(await times('')).toBe(1);
  });

  test('is refused by drivers that install nothing, and without the files that it is made of', async () => {
    writeFileSync(medium, disc('four'));
    await expect(build('', new WindowsDriver())).rejects.toMatchObject({
      code: 'INSTALL_UNSUPPORTED',
      exitStatus: 5,
      data: { driver: 'fake', path: './windows.iso' },
    });
    await expect(build('--unattend=none.xml')).rejects.toMatchObject({
      code: 'BUILD_BASE_MISSING',
      data: { path: path.join(yard.context, 'none.xml') },
    });
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(40 * 1024, 'no disc')]) {
      writeFileSync(medium, bytes);
      await expect(build('')).rejects.toMatchObject({ code: 'INSTALL_MEDIUM', data: { path: medium } });
    }
    rmSync(medium);
    await expect(build('')).rejects.toMatchObject({ code: 'BUILD_BASE_MISSING', data: { path: medium } });
  });
});
