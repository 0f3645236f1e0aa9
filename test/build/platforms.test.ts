/** One name for several images: which of them FROM takes. On a driver of the test's own, so on every platform. */
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NamespaceDriver } from '../../src/drivers/namespace/driver.ts';
import type { ImageConfig } from '../../src/oci/image.ts';
import { guestPlatforms } from '../../src/plan/platform.ts';
import { openRepository } from '../../src/transfer/open-repository.ts';
import { makeIndex } from '../../src/transfer/make-index.ts';
import { pullImage } from '../../src/transfer/pull-image.ts';
import { pushImage } from '../../src/transfer/push-image.ts';
import { ioFor } from '../transfer/support.ts';
import { Yard, type Built } from './building.ts';
import { WindowsDriver, writeGuestDisk } from './windows-driver.ts';

const [LINUX, WINDOWS] = guestPlatforms();
const name = (platform: { os: string; architecture: string }): string =>
  `${platform.os}/${platform.architecture}`;

describe('FROM a name that stands for several images', () => {
  const yard = new Yard();
  const far = { os: 'linux' as const, architecture: LINUX.architecture === 'arm64' ? 'amd64' : 'arm64' };

  beforeAll(async () => {
    for (const os of ['linux', 'windows'] as const) {
      yard.write({ [`${os}/`]: '' });
      writeGuestDisk(path.join(yard.context, os, 'disk.vhdx'));
      const driver = new WindowsDriver({ rootType: os === 'linux' ? 'ext4' : 'ntfs' });
      const recipe = `FROM ./${os}/disk.vhdx\nLABEL made=${os}\n`;
      await yard.build(recipe, { tags: [os] }, undefined, driver.choose);
    }
  });
  afterAll(() => yard.remove());

  /** A folder with an index of images of the store, some of which say that they are for something else. */
  async function indexOf(
    folder: string,
    ...images: [tag: string, as: Partial<ImageConfig>][]
  ): Promise<void> {
    const store = await yard.store();
    mkdirSync(path.join(yard.context, folder), { recursive: true });
    const { signal } = new AbortController();
    const location = { kind: 'oci', path: path.join(yard.context, folder) } as const;
    const target = await openRepository(location, { env: {}, signal, create: true });
    const io = ioFor(store);
    for (const [at, [tag, as]] of images.entries()) {
      const { config } = await store.image(tag);
      await pushImage({ image: { config: { ...config, ...as } }, target, tag: `part-${at}` }, io);
    }
    const sources = images.map((_, at) => ({ from: target, reference: `part-${at}` }));
    await makeIndex({ sources, to: target, tag: 'all' }, io);
    await target.close();
  }

  async function build(recipe: string, options: Parameters<Yard['build']>[1] = {}): Promise<Built> {
    return yard.build(recipe, options, undefined, new WindowsDriver().choose);
  }

  async function made(built: Built): Promise<{ os: string; architecture: string; made?: string }> {
    const { os, architecture, config } = (await (await yard.store()).image(built.image.id)).config;
    return { os, architecture, made: config.labels.made };
  }

  test('takes the one for Linux, or the one that it or the command names', async () => {
    await indexOf('both', ['windows', {}], ['linux', {}]);
    const [linux, windows] = [LINUX, WINDOWS].map((platform) => ({ ...platform, made: platform.os }));
    const from = (flag: string): string => `ARG WANTED=\nFROM ${flag}oci:both:all\n`;
    expect(await made(await build(from('')))).toEqual(linux);
    expect(await made(await build(from(''), { platform: WINDOWS }))).toEqual(windows);
    expect(await made(await build(from(`--platform=${name(WINDOWS)} `)))).toEqual(windows);
    expect(await made(await build(from('--platform=$WANTED ')))).toEqual(linux);
    const wanted = { buildArgs: { WANTED: name(WINDOWS) } };
    expect(await made(await build(from('--platform=$WANTED '), wanted))).toEqual(windows);
    // What FROM says wins, and TARGETPLATFORM is what the command says.
    const both = `${from('--platform=$BUILDPLATFORM ')}ARG TARGETPLATFORM\nLABEL target=$TARGETPLATFORM\n`;
    const crossed = await build(both, { platform: WINDOWS });
    expect(await made(crossed)).toEqual(linux);
    const { config } = (await (await yard.store()).image(crossed.image.id)).config;
    expect(config.labels.target).toBe(name(WINDOWS));
  });

  test('takes the one for Windows where there is none for Linux, with Windows’ ways', async () => {
    await indexOf('windows-only', ['windows', {}], ['linux', far]);
    const built = await build('FROM oci:windows-only:all\nWORKDIR a\n');
    expect(await made(built)).toEqual({ ...WINDOWS, made: 'windows' });
    expect((await (await yard.store()).image(built.image.id)).config.config.workdir).toBe('C:\\a');
  });

  test('says what there is when none fits', async () => {
    await indexOf('far', ['linux', far], ['windows', { architecture: 'riscv64' }]);
    const failing = build('FROM oci:far:all\n');
    await expect(failing).rejects.toMatchObject({
      code: 'OCI_PLATFORM_MISSING',
      data: { platform: `${name(LINUX)} or ${name(WINDOWS)}`, available: [name(far), 'windows/riscv64'] },
      hint: expect.stringContaining('FROM --platform=') as string,
    });
    await expect(build('FROM --platform=windows oci:far:all\n')).rejects.toMatchObject({
      code: 'LANG_BASE',
      at: { line: 1, column: 17 },
      message: expect.stringContaining('OS/ARCHITECTURE') as string,
    });
  });

  test('takes one for another architecture when that is named, says so, and so does the image', async () => {
    await indexOf('other', ['linux', {}], ['linux', far]);
    const built = await build(`FROM --platform=${name(far)} oci:other:all\nLABEL a=b\n`);
    expect(await made(built)).toEqual({ ...far, made: 'linux' });
    expect(built.events.filter(({ type }) => type === 'warning')).toMatchObject([
      { message: expect.stringContaining(`is made for ${name(far)}, this host is `) as string },
    ]);
  });

  test('of the store counts only when it is for the platform that is named', async () => {
    expect(await made(await build('FROM windows\n'))).toEqual({ ...WINDOWS, made: 'windows' });
    expect(await made(await build('FROM windows\n', { platform: WINDOWS }))).toMatchObject(WINDOWS);
    const store = await yard.store();
    const { id } = await store.image('windows');
    await expect(build(`FROM --platform=${name(LINUX)} ${id}\n`)).rejects.toMatchObject({
      code: 'OCI_PLATFORM_MISSING',
      data: { platform: name(LINUX), available: [name(WINDOWS)] },
    });
  });

  test('is refused by a driver that cannot run it, before anything of it is fetched', async () => {
    await indexOf('fetched', ['windows', {}]);
    const other = new Yard();
    try {
      other.write({ 'a.txt': '' });
      const from = `FROM oci:${path.join(yard.context, 'fetched')}:all\n`;
      const driver = new NamespaceDriver({ stateFolder: other.home });
      const choose = () => Promise.resolve(driver);
      const failing = other.build(`${from}COPY a.txt C:/\n`, {}, undefined, choose);
      await expect(failing).rejects.toMatchObject({
        code: 'DRIVER_WINDOWS_GUEST',
        hint: expect.stringContaining('driver for Hyper-V') as string,
      });
      expect(other.strayLayers()).toEqual([]);
      expect(await (await other.store()).listImages()).toEqual([]);
    } finally {
      other.remove();
    }
  });

  test('is pulled by the same rules', async () => {
    await indexOf('pulled', ['windows', {}]);
    const { signal } = new AbortController();
    const location = { kind: 'oci', path: path.join(yard.context, 'pulled') } as const;
    const repository = await openRepository(location, { env: {}, signal });
    const other = new Yard();
    try {
      const pull = { repository, reference: 'all', name: 'h.test/web:1', platform: guestPlatforms() };
      const pulled = await pullImage(pull, ioFor(await other.store()));
      expect(pulled).toMatchObject({ kind: 'machine', config: { os: 'windows' } });
    } finally {
      await repository.close();
      other.remove();
    }
  });
});
