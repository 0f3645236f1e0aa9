import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isHyperfileError } from '../../src/base/error.ts';
import { createArchive, openArchiveForReading } from '../../src/oci/archive.ts';
import { digestHex, digestOf } from '../../src/oci/digest.ts';
import { openDockerArchive } from '../../src/oci/docker-archive.ts';
import { parseImageManifest } from '../../src/oci/manifest.ts';
import type { Repository } from '../../src/oci/repository.ts';
import { describeWith, testWith } from '../support/needs.ts';
import {
  makeContainerImage,
  pull,
  push,
  pushContainer,
  tarOf,
  type ContainerImage,
} from './container-image.ts';
import { useScratch } from './scratch.ts';

const inScratch = useScratch();

async function writeArchive(name: string, images: Readonly<Record<string, ContainerImage>>): Promise<string> {
  const file = inScratch(name);
  const archive = createArchive(file);
  for (const [tag, image] of Object.entries(images)) await pushContainer(image, archive, tag);
  await archive.close();
  return file;
}

async function expectWhole(repository: Repository, image: ContainerImage, reference: string): Promise<void> {
  const fetched = await repository.manifest(reference);
  expect(Buffer.from(fetched?.bytes ?? [])).toEqual(Buffer.from(image.manifest.bytes));
  for (const { descriptor, bytes } of image.blobs) {
    expect(await repository.hasBlob(descriptor)).toBe(true);
    expect(await pull(repository, descriptor)).toEqual(Buffer.from(bytes));
    expect(await pull(repository, descriptor, 7, 9)).toEqual(Buffer.from(bytes.subarray(7, 16)));
  }
}

describe('an archive of images', () => {
  test('gives back what was put into it', async () => {
    const one = await makeContainerImage([{ a: '1' }, { b: 'x'.repeat(5000) }]);
    const two = await makeContainerImage([{ a: '1' }, { b: 'y' }]);
    const archive = openArchiveForReading(await writeArchive('a.tar', { one, two }));
    await expectWhole(archive, one, 'one');
    await expectWhole(archive, two, 'two');
    await expectWhole(archive, two, two.manifest.descriptor.digest);
    expect(await archive.resolve('three')).toBeUndefined();
    const tags: string[] = [];
    for await (const tag of archive.tags()) tags.push(tag);
    expect(tags).toEqual(['one', 'two']);
    await expect(archive.putManifest(one.manifest, 'x')).rejects.toMatchObject({ code: 'OCI_READ_ONLY' });
    await archive.close();
  });

  test('is the same whatever the order in which its blobs came', async () => {
    const image = await makeContainerImage([{ a: '1' }, { b: '2' }, { c: '3' }, { d: 'z'.repeat(3000) }]);
    const backwards = { ...image, blobs: image.blobs.toReversed() };
    const one = readFileSync(await writeArchive('one.tar', { web: image }));
    expect(readFileSync(await writeArchive('two.tar', { web: backwards }))).toEqual(one);
  });

  testWith(['tar'], 'is a tar like any other', async () => {
    const image = await makeContainerImage([{ a: '1' }]);
    const file = await writeArchive('a.tar', { web: image });
    const names = execFileSync('tar', ['-tf', file], { encoding: 'utf8' }).trim().split('\n');
    const blobs = [image.manifest, ...image.blobs].map(
      ({ descriptor }) => `blobs/sha256/${digestHex(descriptor.digest)}`,
    );
    expect(names).toEqual(['oci-layout', 'index.json', 'blobs/', 'blobs/sha256/', ...blobs.sort()]);
  });

  test.each([
    ['gzip', (bytes: Buffer) => gzipSync(bytes)],
    [
      'gzip of two members',
      (bytes: Buffer) => Buffer.concat([gzipSync(bytes.subarray(0, 999)), gzipSync(bytes.subarray(999))]),
    ],
    ['zstd', (bytes: Buffer) => zstdCompressSync(bytes)],
    [
      'zstd of two frames',
      (bytes: Buffer) =>
        Buffer.concat([zstdCompressSync(bytes.subarray(0, 999)), zstdCompressSync(bytes.subarray(999))]),
    ],
    ['xz', (bytes: Buffer) => execFileSync('xz', ['-c'], { input: bytes })],
  ])(
    'is read when it is compressed with %s, and what it was unpacked to is gone at once',
    async (_, compress) => {
      const image = await makeContainerImage([{ a: '1' }]);
      const plain = readFileSync(await writeArchive('a.tar', { web: image }));
      writeFileSync(inScratch('compressed'), compress(plain));
      mkdirSync(inScratch('temporary'));
      const archive = openArchiveForReading(inScratch('compressed'), {
        temporaryFolder: inScratch('temporary'),
      });
      await expectWhole(archive, image, 'web');
      expect(readdirSync(inScratch('temporary'))).toEqual([]);
      await archive.close();
    },
  );

  test('is not written, and the one that was there stays, when anything failed or nothing came', async () => {
    const image = await makeContainerImage([{ a: '1' }]);
    const file = await writeArchive('a.tar', { web: image });
    const before = readFileSync(file);
    const archive = createArchive(file);
    await push(archive, image.blobs[0].descriptor, image.blobs[0].bytes);
    await expect(archive.putManifest(image.manifest, 'web')).rejects.toMatchObject({
      code: 'OCI_BLOB_MISSING',
    });
    const broken = push(archive, image.blobs[1].descriptor, Buffer.from('other'));
    await expect(broken).rejects.toMatchObject({ code: 'OCI_SIZE_MISMATCH' });
    await archive.close();
    const abandoned = createArchive(file);
    await pushContainer(await makeContainerImage([{ a: '2' }]), abandoned, 'web');
    await abandoned.abandon();
    await abandoned.close();
    await createArchive(inScratch('empty.tar')).close();
    expect(readFileSync(file)).toEqual(before);
    expect(readdirSync(inScratch('.'))).toEqual(['a.tar']);
  });

  test('takes the place of the one that was there once it is whole', async () => {
    const one = await makeContainerImage([{ a: '1' }]);
    const two = await makeContainerImage([{ a: '2' }]);
    const file = await writeArchive('a.tar', { web: one });
    const archive = createArchive(file);
    await pushContainer(two, archive, 'web');
    const before = openArchiveForReading(file);
    await expectWhole(before, one, 'web');
    await before.close();
    await archive.close();
    const after = openArchiveForReading(file);
    await expectWhole(after, two, 'web');
    await after.close();
  });

  test('in a folder that is not there, or that is none, is refused', async () => {
    const { descriptor, bytes } = (await makeContainerImage([{ a: '1' }])).blobs[0];
    const archive = createArchive(inScratch('missing/a.tar'));
    await expect(push(archive, descriptor, bytes)).rejects.toThrow(
      /cannot use .*missing: no such file or directory/,
    );
    await archive.close();
  });
});

describe('a file that is no archive of images is refused', () => {
  test.each<[string, (file: string, whole: Buffer) => void | Promise<void>, string]>([
    ['text', (file) => writeFileSync(file, 'x'.repeat(2000)), 'not a tar archive'],
    ['a short file', (file) => writeFileSync(file, 'x'), 'cut short'],
    ['nothing', (file) => writeFileSync(file, ''), 'cut short'],
    ['a folder', (file) => void mkdirSync(file), 'not a plain file'],
    ['a tar of something else', async (file) => writeFileSync(file, await tarOf({ a: 'b' })), 'has no file'],
    ['damaged gzip', (file, whole) => writeFileSync(file, gzipSync(whole).fill(0, 40, 80)), 'damaged'],
    ['half a gzip', (file, whole) => writeFileSync(file, gzipSync(whole).subarray(0, 300)), 'damaged'],
    [
      'damaged zstd',
      (file, whole) => writeFileSync(file, zstdCompressSync(whole).fill(0, 40, 80)),
      'damaged',
    ],
    [
      'one with a broken header',
      (file, whole) => writeFileSync(file, Buffer.from(whole).fill(1, 1024, 1030)),
      'a header',
    ],
    [
      'one that is cut in a file',
      (file, whole) => (writeFileSync(file, whole), truncateSync(file, whole.length - 1600)),
      'cut short',
    ],
    ['one without its end', (file, whole) => writeFileSync(file, whole.subarray(0, -1024)), 'cut short'],
  ])('%s', async (_, write, reason) => {
    const whole = readFileSync(
      await writeArchive('whole.tar', { web: await makeContainerImage([{ a: '1' }]) }),
    );
    await write(inScratch('a.tar'), whole);
    for (const open of [openArchiveForReading, openDockerArchive]) {
      const archive = open(inScratch('a.tar'));
      await expect(archive.resolve('web')).rejects.toThrow(reason);
      await expect(archive.resolve('web')).rejects.toMatchObject({ code: 'OCI_ARCHIVE_INVALID' });
      await archive.close();
    }
  });

  test('or one that is not there', async () => {
    await expect(openArchiveForReading(inScratch('a.tar')).resolve('x')).rejects.toThrow(
      /cannot use .*a\.tar: no such file or directory/,
    );
  });

  test('whatever was changed in it, with an error of ours', async () => {
    const image = await makeContainerImage([{ a: '1' }]);
    const whole = readFileSync(await writeArchive('whole.tar', { web: image }));
    const change = fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(change, async (changes) => {
        const bytes = Buffer.from(whole);
        for (const [at, value] of changes) bytes[at] = value;
        writeFileSync(inScratch('a.tar'), bytes);
        const archive = openArchiveForReading(inScratch('a.tar'));
        try {
          const fetched = await archive.manifest('web');
          if (fetched) parseImageManifest(fetched.bytes, 'web');
        } catch (error) {
          if (!isHyperfileError(error)) throw error;
        } finally {
          await archive.close();
        }
      }),
      { numRuns: 300 },
    );
  });
});

describe('an archive of docker save', () => {
  async function writeDockerArchive(files: Readonly<Record<string, string | Buffer>>): Promise<Repository> {
    writeFileSync(inScratch('docker.tar'), await tarOf(files));
    return openDockerArchive(inScratch('docker.tar'));
  }

  const config = (image: ContainerImage): string => Buffer.from(image.config).toString();

  test('is read in its oldest form, with layers that are links to others', async () => {
    const image = await makeContainerImage([{ a: '1' }, { b: '2' }, { a: '1' }]);
    const [base = Buffer.alloc(0), middle = Buffer.alloc(0)] = image.tars;
    const archive = await writeDockerArchive({
      'one/VERSION': '1.0',
      'one/layer.tar': base,
      'two/layer.tar': middle,
      'three/layer.tar': '->../one/layer.tar',
      'config.json': config(image),
      'manifest.json': JSON.stringify([
        {
          Config: 'config.json',
          RepoTags: ['host/team/web:1', 'web:2'],
          Layers: ['one/layer.tar', 'two/layer.tar', 'three/layer.tar'],
        },
      ]),
    });
    const fetched = await archive.manifest('web:2');
    expect(await archive.resolve('host/team/web:1')).toMatchObject({ digest: fetched?.descriptor.digest });
    expect(await archive.resolve('team/web:1')).toBeDefined();
    expect(await archive.resolve('latest')).toBeDefined();
    expect(await archive.manifest(fetched?.descriptor.digest ?? '')).toBeDefined();
    const manifest = parseImageManifest(fetched?.bytes ?? new Uint8Array(), 'web');
    expect(await pull(archive, manifest.config)).toEqual(Buffer.from(image.config));
    expect(manifest.layers.map(({ digest }) => digest)).toEqual(image.tars.map((tar) => digestOf(tar)));
    for (const [at, layer] of manifest.layers.entries()) {
      expect(layer.mediaType).toBe('application/vnd.docker.image.rootfs.diff.tar');
      expect(await pull(archive, layer)).toEqual(image.tars[at]);
    }
    await expect(push(archive, manifest.config, Buffer.alloc(0))).rejects.toMatchObject({
      code: 'OCI_READ_ONLY',
    });
    await archive.close();
  });

  test('is read with compressed layers and with layers that its config does not know', async () => {
    const image = await makeContainerImage([{ a: '1' }, { b: '2' }]);
    const compressed = gzipSync(image.tars[0]);
    const archive = await writeDockerArchive({
      'a.tar.gz': compressed,
      'b.tar': image.tars[1],
      'c.json': JSON.stringify({ architecture: 'amd64', os: 'linux' }),
      'manifest.json': JSON.stringify([{ Config: 'c.json', RepoTags: null, Layers: ['a.tar.gz', 'b.tar'] }]),
    });
    const manifest = parseImageManifest((await archive.manifest('latest'))!.bytes, 'x');
    expect(manifest.layers).toMatchObject([
      { digest: digestOf(compressed), mediaType: 'application/vnd.docker.image.rootfs.diff.tar.gzip' },
      { digest: digestOf(image.tars[1]), mediaType: 'application/vnd.docker.image.rootfs.diff.tar' },
    ]);
    await archive.close();
  });

  test.each<[string, unknown, string]>([
    ['no list', {}, 'images is not a list'],
    ['no config', [{ Config: 'missing.json', Layers: [] }], 'has no file missing.json'],
    ['no layer', [{ Config: 'config.json', Layers: ['missing'] }], 'has no file missing'],
    ['a config that leads out', [{ Config: '../../etc/passwd', Layers: [] }], 'has no file ../../etc/passwd'],
    ['a link that leads out', [{ Config: 'config.json', Layers: ['out'] }], 'has no file out'],
    ['a link in a circle', [{ Config: 'config.json', Layers: ['circle'] }], 'has no file circle'],
    [
      'a config that is no JSON',
      [{ Config: 'circle.txt', Layers: [] }],
      'the config of an image: it is not JSON',
    ],
  ])('with %s is refused', async (_, manifest, reason) => {
    const archive = await writeDockerArchive({
      'config.json': '{}',
      'circle.txt': 'x',
      out: '->../../../etc/passwd',
      circle: '->circle',
      'manifest.json': JSON.stringify(manifest),
    });
    await expect(archive.resolve('latest')).rejects.toThrow(reason);
    await archive.close();
  });
});

describeWith(['root', 'mount'], 'on a disk that is full', () => {
  test('neither an archive nor a layout is begun', async () => {
    mkdirSync(inScratch('small'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'hyperfile-test', inScratch('small')]);
    try {
      const bytes = Buffer.alloc(200_000, 1);
      const blob = { mediaType: 'a/b', digest: digestOf(bytes), size: bytes.length };
      const { openLayout } = await import('../../src/oci/layout.ts');
      const archive = createArchive(inScratch('small/a.tar'));
      for (const repository of [openLayout(inScratch('small/l'), { create: true }), archive])
        await expect(push(repository, blob, bytes)).rejects.toMatchObject({ code: 'DISK_FULL' });
      await archive.close();
      expect(existsSync(inScratch('small/a.tar'))).toBe(false);
      expect(readdirSync(inScratch('small/l/blobs/sha256'))).toEqual([]);
    } finally {
      execFileSync('umount', [inScratch('small')]);
    }
  });
});
