import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { digestHex, digestOf } from '../../src/oci/digest.ts';
import { openLayout } from '../../src/oci/layout.ts';
import { encodeManifest, indexManifest } from '../../src/oci/manifest.ts';
import { OCI_CONFIG, OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import type { Repository } from '../../src/oci/repository.ts';
import { makeContainerImage, pull, push, pushContainer } from './container-image.ts';
import { useScratch } from './scratch.ts';

const inScratch = useScratch();
const BYTES = Buffer.from('content of a blob '.repeat(1000));
const BLOB: Descriptor = { mediaType: 'a/b', digest: digestOf(BYTES), size: BYTES.length };

async function tagsOf(repository: Repository): Promise<string[]> {
  const tags: string[] = [];
  for await (const tag of repository.tags()) tags.push(tag);
  return tags;
}

function blobFile(folder: string, { digest }: Descriptor): string {
  return path.join(folder, 'blobs/sha256', digestHex(digest));
}

describe('a layout', () => {
  test('gives back what was put into it, also to others', async () => {
    const folder = inScratch('a/layout');
    const image = await makeContainerImage([{ 'etc/a': 'a' }, { 'etc/.wh.a': '' }]);
    await pushContainer(image, openLayout(folder, { create: true }), '1.0');
    const layout = openLayout(folder);
    expect(await tagsOf(layout)).toEqual(['1.0']);
    const { descriptor, bytes } = image.manifest;
    for (const reference of ['1.0', descriptor.digest, 'latest']) {
      expect(await layout.resolve(reference)).toMatchObject(descriptor);
      expect(Buffer.from((await layout.manifest(reference))?.bytes ?? [])).toEqual(Buffer.from(bytes));
    }
    for (const blob of image.blobs) {
      expect(await layout.hasBlob(blob.descriptor)).toBe(true);
      expect(await pull(layout, blob.descriptor)).toEqual(Buffer.from(blob.bytes));
    }
    expect(await layout.resolve('2.0')).toBeUndefined();
    expect(await layout.manifest(digestOf('other'))).toBeUndefined();
    expect(readdirSync(folder).sort()).toEqual(['blobs', 'index.json', 'oci-layout']);
    await layout.close();
  });

  test('reads parts of a blob', async () => {
    const layout = openLayout(inScratch('l'), { create: true });
    await push(layout, BLOB, BYTES);
    expect(await pull(layout, BLOB, 5, 10)).toEqual(BYTES.subarray(5, 15));
    expect(await pull(layout, BLOB, BYTES.length - 3, 10)).toEqual(BYTES.subarray(-3));
    expect(await pull(layout, BLOB, BYTES.length + 3)).toHaveLength(0);
  });

  test('moves a tag, keeps several for one image, and lists what an index names under the index only', async () => {
    const layout = openLayout(inScratch('l'), { create: true });
    const one = await makeContainerImage([{ a: '1' }]);
    const two = await makeContainerImage([{ a: '2' }], 'arm64');
    await pushContainer(one, layout, undefined);
    await pushContainer(one, layout, 'x');
    await pushContainer(one, layout, 'y');
    await pushContainer(two, layout, 'x');
    expect(await tagsOf(layout)).toEqual(['y', 'x']);
    expect((await layout.resolve('x'))?.digest).toBe(two.manifest.descriptor.digest);
    const both = openLayout(inScratch('both'), { create: true });
    await pushContainer(one, both, undefined);
    await pushContainer(two, both, undefined);
    expect(await both.resolve('latest')).toBeUndefined();
    const index = indexManifest([
      { ...one.manifest.descriptor, platform: { os: 'linux', architecture: 'amd64' } },
      { ...two.manifest.descriptor, platform: { os: 'linux', architecture: 'arm64' } },
    ]);
    await both.putManifest(index);
    expect((await both.resolve('latest'))?.mediaType).toBe(OCI_INDEX);
    expect(await both.resolve(two.manifest.descriptor.digest)).toEqual(two.manifest.descriptor);
    const json = JSON.parse(readFileSync(inScratch('both/index.json'), 'utf8')) as { manifests: unknown[] };
    expect(json.manifests).toHaveLength(1);
  });

  test('keeps what others wrote into its index', async () => {
    const folder = inScratch('l');
    const image = await makeContainerImage([{ a: '1' }]);
    await pushContainer(image, openLayout(folder, { create: true }), 'x');
    const file = path.join(folder, 'index.json');
    const json = JSON.parse(readFileSync(file, 'utf8')) as { manifests: object[] };
    const foreign = {
      ...json.manifests[0],
      urls: ['u'],
      annotations: { 'io.containerd.image.name': 'host/x:2', 'org.opencontainers.image.ref.name': '2' },
      platform: { os: 'linux', architecture: 'amd64', 'os.features': ['f'] },
    };
    writeFileSync(file, JSON.stringify({ ...json, annotations: { a: 'b' }, manifests: [foreign] }));
    const layout = openLayout(folder);
    await pushContainer(image, layout, 'z');
    const after = JSON.parse(readFileSync(file, 'utf8')) as { manifests: object[] };
    expect(after).toMatchObject({ annotations: { a: 'b' } });
    expect(after.manifests[0]).toEqual(foreign);
    expect(await layout.resolve('host/x:2')).toBeDefined();
    expect(await layout.resolve('x:2')).toBeUndefined();
  });

  test('finds an image by the end of its name when no other ends so', async () => {
    const layout = openLayout(inScratch('l'), { create: true });
    await pushContainer(await makeContainerImage([{ a: '1' }]), layout, 'host:5000/team/web:1');
    await pushContainer(await makeContainerImage([{ a: '2' }]), layout, 'host:5000/team/db:1');
    expect(await layout.resolve('team/web:1')).toBeDefined();
    expect(await layout.resolve('web:1')).toBeDefined();
    expect(await layout.resolve('1')).toBeUndefined();
    expect(await layout.resolve('eb:1')).toBeUndefined();
  });

  test('takes no manifest whose blobs are not there', async () => {
    const layout = openLayout(inScratch('l'), { create: true });
    const { manifest, blobs } = await makeContainerImage([{ a: '1' }]);
    await push(layout, blobs[0].descriptor, blobs[0].bytes);
    await expect(layout.putManifest(manifest, 'x')).rejects.toThrow(blobs[1].descriptor.digest);
    expect(await tagsOf(layout)).toEqual([]);
    await expect(
      layout.putManifest({ mediaType: OCI_MANIFEST, bytes: Buffer.from('{}') }),
    ).rejects.toMatchObject({
      code: 'OCI_MANIFEST_INVALID',
    });
  });

  test('is made with the first thing that is written, not before', async () => {
    const layout = openLayout(inScratch('l'), { create: true });
    expect(await layout.resolve('x')).toBeUndefined();
    expect(await layout.hasBlob(BLOB)).toBe(false);
    expect(existsSync(inScratch('l'))).toBe(false);
    await push(layout, BLOB, BYTES);
    expect(readFileSync(inScratch('l/oci-layout'), 'utf8')).toBe('{"imageLayoutVersion":"1.0.0"}');
    expect(await tagsOf(openLayout(inScratch('l')))).toEqual([]);
  });
});

describe('nothing of a blob is kept', () => {
  test.each<[string, Buffer, Descriptor, string]>([
    ['with other bytes', Buffer.from(BYTES).fill(1, 0, 1), BLOB, 'OCI_DIGEST_MISMATCH'],
    ['that ends too soon', BYTES.subarray(1), BLOB, 'OCI_SIZE_MISMATCH'],
    ['that goes on for too long', BYTES, { ...BLOB, size: 100 }, 'OCI_SIZE_MISMATCH'],
    ['whose digest is a path', BYTES, { ...BLOB, digest: 'sha256:../../../x' }, 'OCI_DIGEST_UNSUPPORTED'],
  ])('%s', async (_, bytes, blob, code) => {
    const folder = inScratch('l');
    const layout = openLayout(folder, { create: true });
    await expect(push(layout, blob, bytes)).rejects.toMatchObject({ code });
    expect(filesIn(folder).filter((name) => !['index.json', 'oci-layout'].includes(name))).toEqual([]);
  });

  test('whose source fails, or that is interrupted', async () => {
    const layout = openLayout(inScratch('l'), { create: true });
    const stop = new AbortController();
    const failing = {
      // eslint-disable-next-line @typescript-eslint/require-await
      async *read(): AsyncGenerator<Uint8Array> {
        yield BYTES.subarray(0, 100);
        throw new Error('the source broke');
      },
    };
    await expect(layout.pushBlob(BLOB, failing)).rejects.toThrow('the source broke');
    const stopping = {
      // eslint-disable-next-line @typescript-eslint/require-await
      async *read(): AsyncGenerator<Uint8Array> {
        yield BYTES.subarray(0, 100);
        stop.abort();
        yield BYTES.subarray(100);
      },
    };
    await expect(layout.pushBlob(BLOB, stopping, { signal: stop.signal })).rejects.toMatchObject({
      code: 'INTERRUPTED',
    });
    expect(filesIn(inScratch('l')).sort()).toEqual(['index.json', 'oci-layout']);
  });
});

describe('a folder that is no layout, or a damaged one, is refused', () => {
  test('without its file', async () => {
    mkdirSync(inScratch('empty'));
    for (const name of ['empty', 'missing'])
      await expect(openLayout(inScratch(name)).resolve('x')).rejects.toMatchObject({
        code: 'OCI_LAYOUT_INVALID',
      });
  });

  test.each<[string, (folder: string) => void, string]>([
    [
      'of another version',
      (folder) => writeFileSync(path.join(folder, 'oci-layout'), '{"imageLayoutVersion":"2.0"}'),
      'imageLayoutVersion',
    ],
    [
      'with an index that is no JSON',
      (folder) => writeFileSync(path.join(folder, 'index.json'), '{'),
      'not JSON',
    ],
    [
      'with an index of something else',
      (folder) => writeFileSync(path.join(folder, 'index.json'), '{"schemaVersion":2}'),
      'manifests is not a list',
    ],
    [
      'with a digest that is a path',
      (folder) =>
        writeFileSync(
          path.join(folder, 'index.json'),
          '{"schemaVersion":2,"manifests":[{"mediaType":"a/b","size":1,"digest":"sha256:../../x"}]}',
        ),
      'manifests[0].digest',
    ],
    ['with an index that is a link', (folder) => replaceByLink(folder, 'index.json'), 'not a plain file'],
    ['with blobs elsewhere', (folder) => replaceByLink(folder, 'blobs'), 'not a plain folder'],
    ['with digests elsewhere', (folder) => replaceByLink(folder, 'blobs/sha256'), 'not a plain folder'],
  ])('%s', async (_, spoil, reason) => {
    const folder = inScratch('l');
    const image = await makeContainerImage([{ a: '1' }]);
    await pushContainer(image, openLayout(folder, { create: true }), 'x');
    mkdirSync(inScratch('elsewhere'));
    spoil(folder);
    for (const options of [{}, { create: true }]) {
      await expect(openLayout(folder, options).resolve('x')).rejects.toThrow(reason);
      await expect(
        push(openLayout(folder, options), BLOB, BYTES).then(() =>
          pushContainer(image, openLayout(folder), 'y'),
        ),
      ).rejects.toThrow(reason);
    }
    expect(readdirSync(inScratch('elsewhere'))).toEqual([]);
  });

  function replaceByLink(folder: string, name: string): void {
    rmSync(path.join(folder, name), { recursive: true });
    symlinkSync(inScratch('elsewhere'), path.join(folder, name));
  }

  test('with a blob that is a link, a pipe’s name, missing, or other than its digest', async () => {
    const folder = inScratch('l');
    const layout = openLayout(folder, { create: true });
    const image = await makeContainerImage([{ a: '1' }]);
    await pushContainer(image, layout, 'x');
    const file = blobFile(folder, image.manifest.descriptor);
    writeFileSync(file, Buffer.from(image.manifest.bytes).fill(0x20, 0, 1));
    await expect(layout.manifest('x')).rejects.toMatchObject({ code: 'OCI_DIGEST_MISMATCH' });
    writeFileSync(file, '{}');
    await expect(layout.manifest('x')).rejects.toMatchObject({ code: 'OCI_SIZE_MISMATCH' });
    rmSync(file);
    await expect(layout.manifest('x')).rejects.toMatchObject({ code: 'OCI_BLOB_MISSING' });
    symlinkSync('/etc/passwd', file);
    await expect(layout.manifest('x')).rejects.toThrow('not a plain file');
    await expect(pull(layout, BLOB)).rejects.toMatchObject({ code: 'OCI_BLOB_MISSING' });
  });

  test('with a manifest longer than any may be', async () => {
    const layout = openLayout(inScratch('l'), { create: true });
    const bytes = Buffer.alloc(4 * 1024 * 1024 + 1, ' ');
    const blob = { mediaType: OCI_MANIFEST, digest: digestOf(bytes), size: bytes.length };
    await push(layout, blob, bytes);
    await expect(layout.manifest(blob.digest)).rejects.toMatchObject({ code: 'OCI_MANIFEST_TOO_LARGE' });
  });
});

describe('many write to one layout at once', () => {
  test('and none loses what another one wrote', async () => {
    const folder = inScratch('l');
    const count = 24;
    await Promise.all(
      Array.from({ length: count }, async (_, number) => {
        const image = await makeContainerImage([{ shared: 'same' }, { own: String(number) }]);
        await pushContainer(image, openLayout(folder, { create: true }), `t${number}`);
      }),
    );
    const tags = await tagsOf(openLayout(folder));
    expect(tags.sort()).toEqual(Array.from({ length: count }, (_, number) => `t${number}`).sort());
  });

  test('as processes of their own, some of which are killed', async () => {
    const folder = inScratch('l');
    const writers = Array.from({ length: 4 }, (_, number) => startWriter(folder, number));
    const victims = Array.from({ length: 2 }, (_, number) => startWriter(folder, number + 100));
    const gone = victims.map((victim) => once(victim, 'close'));
    for (const [at, victim] of victims.entries()) setTimeout(() => victim.kill('SIGKILL'), 400 + 200 * at);
    const statuses = await Promise.all(
      writers.map(async (writer) => (await once(writer, 'close'))[0] as number),
    );
    expect(statuses).toEqual([0, 0, 0, 0]);
    await Promise.all(gone);
    const layout = openLayout(folder);
    const tags = await tagsOf(layout);
    for (let writer = 0; writer < 4; writer++)
      for (let number = 0; number < 10; number++) expect(tags).toContain(`w${writer}.${number}`);
    for (const tag of tags) expect(await layout.manifest(tag)).toBeDefined();
    for (const name of readdirSync(path.join(folder, 'blobs/sha256')))
      expect(digestHex(digestOf(readFileSync(path.join(folder, 'blobs/sha256', name))))).toBe(name);
    await push(openLayout(folder), BLOB, BYTES);
    expect(readdirSync(folder).filter((name) => name.startsWith('.unfinished'))).toEqual([]);
  });

  function startWriter(folder: string, number: number): ReturnType<typeof spawn> {
    const program = path.join(import.meta.dirname, 'layout-writer.ts');
    return spawn(process.execPath, [program, folder, String(number)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  }
});

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() || entry.isSymbolicLink())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)));
}

test('a manifest of an artifact keeps its type in the index', async () => {
  const layout = openLayout(inScratch('l'), { create: true });
  const config = { ...BLOB, mediaType: OCI_CONFIG };
  await push(layout, config, BYTES);
  const manifest = encodeManifest({
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType: 'application/x',
    config,
    layers: [config],
  });
  await layout.putManifest(manifest, 'x');
  const json = JSON.parse(readFileSync(inScratch('l/index.json'), 'utf8')) as { manifests: unknown[] };
  expect(json.manifests[0]).toMatchObject({ artifactType: 'application/x' });
  expect((await openLayout(inScratch('l')).resolve('x'))?.artifactType).toBe('application/x');
});
