/** Layouts and archives, judged by other people's programs: what they write we read, and the other way round. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { createArchive, openArchiveForReading } from '../../src/oci/archive.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { openDockerArchive } from '../../src/oci/docker-archive.ts';
import { decodeImage, encodeImage } from '../../src/oci/image-artifact.ts';
import type { ImageConfig } from '../../src/oci/image.ts';
import type { LayerBlob } from '../../src/oci/layer-form.ts';
import { openLayout } from '../../src/oci/layout.ts';
import { indexManifest, isIndex, parseImageManifest, parseManifest } from '../../src/oci/manifest.ts';
import { choosePlatform } from '../../src/oci/platform-choice.ts';
import type { Repository } from '../../src/oci/repository.ts';
import { describeWith } from '../support/needs.ts';
import { makeContainerImage, pull, push, pushContainer, type ContainerImage } from './container-image.ts';
import { useScratch } from './scratch.ts';

const inScratch = useScratch();
const LAYERS: readonly Readonly<Record<string, string>>[] = [
  { 'etc/one': 'one', 'etc/two': 'two' },
  { 'etc/.wh.two': '', 'etc/three': 'x'.repeat(100_000) },
];

describeWith(['skopeo'], 'skopeo', () => {
  function skopeo(...args: string[]): string {
    return run('skopeo', ['--insecure-policy', '--tmpdir', inScratch('.'), ...args]);
  }

  async function makeLayout(tag: string): Promise<{ image: ContainerImage; layout: string }> {
    const image = await makeContainerImage(LAYERS);
    const layout = inScratch('layout');
    await pushContainer(image, openLayout(layout, { create: true }), tag);
    return { image, layout };
  }

  test('reads a layout of ours', async () => {
    const { image, layout } = await makeLayout('1.0');
    expect(JSON.parse(skopeo('inspect', `oci:${layout}:1.0`))).toMatchObject({
      Digest: image.manifest.descriptor.digest,
      Layers: image.blobs.slice(1).map(({ descriptor }) => descriptor.digest),
    });
    skopeo('copy', `oci:${layout}:1.0`, `dir:${inScratch('dir')}`);
    expect(readFileSync(inScratch('dir/manifest.json'))).toEqual(Buffer.from(image.manifest.bytes));
  });

  test('reads an archive of ours', async () => {
    const image = await makeContainerImage(LAYERS);
    const archive = createArchive(inScratch('a.tar'));
    await pushContainer(image, archive, '1.0');
    await archive.close();
    skopeo('copy', `oci-archive:${inScratch('a.tar')}:1.0`, `oci:${inScratch('back')}:2.0`);
    await expectWhole(openLayout(inScratch('back')), image, '2.0');
  });

  test('writes layouts and archives that we read', async () => {
    const { image, layout } = await makeLayout('1.0');
    skopeo('copy', `oci:${layout}:1.0`, `oci:${inScratch('named')}:host/team/web:1`);
    skopeo('copy', `oci:${layout}:1.0`, `oci:${inScratch('nameless')}`);
    skopeo('copy', `oci:${layout}:1.0`, `oci-archive:${inScratch('a.tar')}:1`);
    writeFileSync(inScratch('a.tar.gz'), gzipSync(readFileSync(inScratch('a.tar'))));
    await expectWhole(openLayout(inScratch('named')), image, 'host/team/web:1');
    await expectWhole(openLayout(inScratch('nameless')), image, 'latest');
    await expectWhole(openArchiveForReading(inScratch('a.tar')), image, '1');
    await expectWhole(openArchiveForReading(inScratch('a.tar.gz')), image, '1');
  });

  test('writes into a layout of ours, and we into one of its', async () => {
    const { image, layout } = await makeLayout('ours');
    const other = await makeContainerImage([{ a: '1' }], 'arm64');
    await pushContainer(other, openLayout(inScratch('other'), { create: true }), 'x');
    skopeo('copy', `oci:${inScratch('other')}:x`, `oci:${layout}:theirs`);
    await pushContainer(other, openLayout(layout, { create: true }), 'again');
    await expectWhole(openLayout(layout), image, 'ours');
    for (const tag of ['theirs', 'again']) await expectWhole(openLayout(layout), other, tag);
    for (const tag of ['ours', 'theirs', 'again']) skopeo('inspect', `oci:${layout}:${tag}`);
  });

  test('writes docker archives of several images that we read, plain layers and all', async () => {
    const { image, layout } = await makeLayout('1.0');
    const other = await makeContainerImage([LAYERS[0] ?? {}, { b: '2' }]);
    await pushContainer(other, openLayout(layout), 'other');
    const file = inScratch('docker.tar');
    skopeo(
      'copy',
      `oci:${layout}:1.0`,
      `docker-archive:${file}:localhost/team/web:1`,
      '--additional-tag',
      'localhost/db:2',
    );
    const archive = openDockerArchive(file);
    for (const reference of ['localhost/team/web:1', 'localhost/db:2', 'web:1', 'db:2', 'latest'])
      expect(await archive.resolve(reference), reference).toBeDefined();
    const manifest = parseImageManifest((await archive.manifest('web:1'))?.bytes ?? Buffer.alloc(0), 'web');
    expect(manifest.layers.map(({ digest }) => digest)).toEqual(image.tars.map((tar) => digestOf(tar)));
    for (const [at, layer] of manifest.layers.entries())
      expect(await pull(archive, layer)).toEqual(image.tars[at]);
    expect(JSON.parse((await pull(archive, manifest.config)).toString())).toMatchObject({
      rootfs: { diff_ids: image.tars.map((tar) => digestOf(tar)) },
    });
    await archive.close();
  });

  test('copies all of an index of ours', async () => {
    const { image, layout } = await makeLayout('one');
    const other = await makeContainerImage([{ a: '1' }], 'arm64');
    const repository = openLayout(layout);
    await pushContainer(other, repository, undefined);
    const index = indexManifest([
      { ...image.manifest.descriptor, platform: { os: 'linux', architecture: 'amd64' } },
      { ...other.manifest.descriptor, platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
    ]);
    await repository.putManifest(index, 'both');
    skopeo('copy', '--all', `oci:${layout}:both`, `oci:${inScratch('copy')}:both`);
    const copy = openLayout(inScratch('copy'));
    const found = await copy.manifest('both');
    const parsed = parseManifest(found?.bytes ?? Buffer.alloc(0), 'both');
    if (!isIndex(parsed)) throw new Error('it is no index any more');
    const chosen = choosePlatform(parsed, { os: 'linux', architecture: 'arm64' }, 'both');
    await expectWhole(copy, other, chosen.digest);
    skopeo('--override-arch', 'arm64', 'copy', `oci:${layout}:both`, `dir:${inScratch('arm')}`);
    expect(readFileSync(inScratch('arm/manifest.json'))).toEqual(Buffer.from(other.manifest.bytes));
  });

  test('carries a machine image to an archive, a layout and back without changing a byte', async () => {
    const bytes = Buffer.from('a layer, whatever is in it');
    const blob: LayerBlob = {
      kind: 'whole',
      digest: digestOf(bytes),
      sizeBytes: bytes.length,
      contentDigest: digestOf('content'),
      contentBytes: 7,
      tablesDigest: digestOf('tables'),
      tablesBytes: 6,
    };
    const layer = {
      id: 'a'.repeat(32),
      key: 'k',
      form: { digest: blob.contentDigest, sizeBytes: 7, blobs: [blob] },
    };
    const artifact = encodeImage({ ...MACHINE, layers: [layer.id] }, [layer]);
    const layout = openLayout(inScratch('machine'), { create: true });
    await push(layout, { mediaType: 'a/b', digest: blob.digest, size: blob.sizeBytes }, bytes);
    await push(layout, artifact.config.descriptor, artifact.config.bytes);
    await layout.putManifest(artifact.manifest, '1');
    skopeo('copy', `oci:${inScratch('machine')}:1`, `oci-archive:${inScratch('m.tar')}:1`);
    skopeo('copy', `oci-archive:${inScratch('m.tar')}:1`, `oci:${inScratch('back')}:1`);
    for (const place of [openArchiveForReading(inScratch('m.tar')), openLayout(inScratch('back'))]) {
      const fetched = await place.manifest('1');
      expect(fetched?.descriptor.digest).toBe(artifact.manifest.descriptor.digest);
      const manifest = parseImageManifest(fetched?.bytes ?? Buffer.alloc(0), 'x');
      const back = decodeImage(manifest, await pull(place, manifest.config), 'x');
      expect(back.layers).toEqual([layer]);
      expect(await pull(place, manifest.layers[0])).toEqual(bytes);
      await place.close();
    }
  });
});

describeWith(['umoci'], 'umoci', () => {
  function umoci(...args: string[]): string {
    return run('umoci', args);
  }

  test('lists, checks and unpacks what lies in a layout of ours', async () => {
    const layout = inScratch('layout');
    await pushContainer(await makeContainerImage(LAYERS), openLayout(layout, { create: true }), '1.0');
    expect(umoci('ls', '--layout', layout).trim()).toBe('1.0');
    umoci('unpack', '--rootless', '--image', `${layout}:1.0`, inScratch('bundle'));
    const tree = execFileSync('find', ['.', '-type', 'f'], {
      cwd: inScratch('bundle/rootfs'),
      encoding: 'utf8',
    });
    expect(tree.trim().split('\n').sort()).toEqual(['./etc/one', './etc/three']);
    umoci('gc', '--layout', layout);
    expect(await openLayout(layout).manifest('1.0')).toBeDefined();
  });

  test('makes layouts that we read and write into', async () => {
    const layout = inScratch('theirs');
    umoci('init', '--layout', layout);
    umoci('new', '--image', `${layout}:empty`);
    mkdirSync(inScratch('tree'));
    writeFileSync(path.join(inScratch('tree'), 'file'), 'content');
    umoci('insert', '--rootless', '--image', `${layout}:empty`, inScratch('tree'), '/tree');
    const repository = openLayout(layout);
    const manifest = parseImageManifest((await repository.manifest('empty'))?.bytes ?? Buffer.alloc(0), 'x');
    expect(manifest.layers).toHaveLength(1);
    for (const blob of [manifest.config, ...manifest.layers])
      expect(digestOf(await pull(repository, blob))).toBe(blob.digest);
    await pushContainer(await makeContainerImage(LAYERS), repository, 'ours');
    expect(umoci('ls', '--layout', layout).trim().split('\n').sort()).toEqual(['empty', 'ours']);
  });
});

function run(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

async function expectWhole(repository: Repository, image: ContainerImage, reference: string): Promise<void> {
  const fetched = await repository.manifest(reference);
  expect(Buffer.from(fetched?.bytes ?? [])).toEqual(Buffer.from(image.manifest.bytes));
  for (const { descriptor, bytes } of image.blobs)
    expect(await pull(repository, descriptor)).toEqual(Buffer.from(bytes));
  await repository.close();
}

const MACHINE: Omit<ImageConfig, 'layers'> = {
  schema: 1,
  created: '2026-01-01T00:00:00.000Z',
  os: 'linux',
  architecture: 'amd64',
  config: { env: {}, workdir: '/', user: '', shell: [], labels: {}, exposedPorts: [], volumes: [] },
  disk: { sizeBytes: 7, rootOffset: 0, rootLength: 7, rootType: 'ext4' },
  history: [],
  key: 'k',
};
