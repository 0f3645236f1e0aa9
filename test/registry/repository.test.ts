import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { digestHex, digestOf } from '../../src/oci/digest.ts';
import { OCI_CONFIG, OCI_MANIFEST } from '../../src/oci/media-types.ts';
import type { ManifestToPut, Repository } from '../../src/oci/repository.ts';
import { openRegistryRepository } from '../../src/registry/repository.ts';
import { startFaultProxy, type FaultProxy } from '../support/fault-proxy.ts';
import { describeWith } from '../support/needs.ts';
import { REGISTRY_NEEDS, startRegistry, type TestRegistry } from '../support/registry.ts';
import { blobOf, collect, HASTY, hastyClient, listed, makeBlob, type TestBlob } from './blobs.ts';

const MIB = 1 << 20;
const run = promisify(execFile);

describeWith([...REGISTRY_NEEDS, 'skopeo'], 'a repository of a real registry', () => {
  let registry: TestRegistry;
  let proxy: FaultProxy;
  let folder: string;
  let web: Repository;
  let count = 0;

  beforeAll(async () => {
    registry = await startRegistry();
    proxy = await startFaultProxy({ target: `http://${registry.host}` });
    folder = await mkdtemp(path.join(tmpdir(), 'repository-'));
  });

  beforeEach(() => {
    web = open(`team/web${count++}`);
  });

  afterEach(async () => {
    await web.close();
    proxy.heal();
    proxy.forget();
  });

  afterAll(async () => {
    await proxy.stop();
    await registry.stop();
    await rm(folder, { recursive: true });
  });

  function open(name: string): Repository {
    return openRegistryRepository(hastyClient(proxy.host), name, HASTY);
  }

  function methods(): string[] {
    return proxy.requests.map(({ method }) => method);
  }

  async function expectBlob(repository: Repository, { descriptor, bytes }: TestBlob): Promise<void> {
    const body = await repository.readBlob(descriptor);
    expect((await collect(body.stream)).equals(bytes)).toBe(true);
  }

  /** Pushes an image of these layers; different `note`s make different manifests. */
  async function pushImage(layers: readonly TestBlob[], tag?: string, note = ''): Promise<ManifestToPut> {
    const config = blobOf(Buffer.from(JSON.stringify({ architecture: 'amd64', os: 'linux', author: note })));
    for (const { descriptor, source } of [config, ...layers])
      if (!(await web.hasBlob(descriptor))) await web.pushBlob(descriptor, source);
    const manifest = imageManifest(config, layers);
    await web.putManifest(manifest, tag);
    return manifest;
  }

  test('what is pushed is there, and another client reads it', async () => {
    const layers = [makeBlob(300), makeBlob(6 * MIB + 1)];
    const manifest = await pushImage(layers, 'v1');
    for (const layer of layers) await expectBlob(web, layer);
    const target = path.join(folder, 'copy');
    await run('skopeo', ['copy', '--src-tls-verify=false', `docker://${web.name}:v1`, `dir:${target}`]);
    expect(await readFile(path.join(target, 'manifest.json'))).toEqual(Buffer.from(manifest.bytes));
    for (const { descriptor, bytes } of layers)
      expect((await readFile(path.join(target, digestHex(descriptor.digest)))).equals(bytes)).toBe(true);
  });

  test('what another client pushed is read', async () => {
    const source = path.join(folder, 'source');
    await run('mkdir', [source]);
    const config = blobOf(Buffer.from('{}'));
    const layer = makeBlob(70_000, 'theirs');
    const { bytes } = imageManifest(config, [layer]);
    await writeFile(path.join(source, 'manifest.json'), bytes);
    for (const blob of [config, layer])
      await writeFile(path.join(source, digestHex(blob.descriptor.digest)), blob.bytes);
    const options = ['--dest-tls-verify=false', '--preserve-digests'];
    await run('skopeo', ['copy', ...options, `dir:${source}`, `docker://${web.name}:theirs`]);
    const found = await web.manifest('theirs');
    expect(Buffer.from(found!.bytes)).toEqual(Buffer.from(bytes));
    expect(found!.descriptor).toEqual(await web.resolve('theirs'));
    await expectBlob(web, layer);
  });

  test('a manifest is found by its tag and its digest, and neither is found where nothing is', async () => {
    const { bytes, mediaType } = await pushImage([makeBlob(10)], 'latest');
    const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.length };
    for (const reference of ['latest', descriptor.digest]) {
      proxy.forget();
      expect(await web.resolve(reference)).toEqual(descriptor);
      expect(methods()).toEqual(['HEAD']);
      const found = await web.manifest(reference);
      expect(found?.descriptor).toEqual(descriptor);
      expect(Buffer.from(found!.bytes)).toEqual(Buffer.from(bytes));
    }
    for (const reference of ['other', digestOf('other')]) {
      expect(await web.resolve(reference)).toBeUndefined();
      expect(await web.manifest(reference)).toBeUndefined();
    }
  });

  test('a manifest without a tag is kept under its digest', async () => {
    const { bytes } = await pushImage([makeBlob(11)]);
    expect((await web.manifest(digestOf(bytes)))?.bytes.length).toBe(bytes.length);
  });

  test('a HEAD answer that says too little is followed by a GET', async () => {
    const { bytes } = await pushImage([makeBlob(12)], 'latest');
    proxy.inject({
      method: 'HEAD',
      fault: { kind: 'rewrite', response: { 'docker-content-digest': null } },
    });
    proxy.forget();
    expect((await web.resolve('latest'))?.digest).toBe(digestOf(bytes));
    expect(methods()).toEqual(['HEAD', 'GET']);
    proxy.inject({ method: 'HEAD', fault: { kind: 'answer', status: 405 } });
    expect((await web.resolve('latest'))?.digest).toBe(digestOf(bytes));
  });

  test('a manifest whose answer breaks off is asked for again', async () => {
    const { bytes } = await pushImage([makeBlob(14)], 'latest');
    proxy.inject({ method: 'GET', times: 2, fault: { kind: 'cut', direction: 'down', afterBytes: 40 } });
    const found = await web.manifest('latest');
    expect(Buffer.from(found!.bytes)).toEqual(Buffer.from(bytes));
  });

  test('a manifest that is not what its digest says is refused', async () => {
    const { bytes } = await pushImage([makeBlob(13)], 'latest');
    const wrong = { code: 'OCI_DIGEST_MISMATCH' };
    proxy.inject({ method: 'GET', fault: { kind: 'corrupt', direction: 'down', atByte: 20 } });
    await expect(web.manifest('latest')).rejects.toMatchObject(wrong);
    await expect(web.manifest(digestOf(bytes))).rejects.toMatchObject(wrong);
    proxy.inject({
      method: 'GET',
      fault: { kind: 'rewrite', response: { 'docker-content-digest': null } },
    });
    await expect(web.manifest(digestOf(bytes))).rejects.toMatchObject(wrong);
    proxy.heal();
    const response = { 'docker-content-digest': digestOf('other') };
    proxy.inject({ fault: { kind: 'rewrite', response } });
    await expect(web.manifest('latest')).rejects.toMatchObject(wrong);
    await expect(web.resolve(digestOf(bytes))).rejects.toMatchObject(wrong);
    await expect(web.putManifest({ mediaType: OCI_MANIFEST, bytes }, 'latest')).rejects.toMatchObject(wrong);
  });

  test('a manifest whose blobs are not there is refused in the words of the registry', async () => {
    const manifest = imageManifest(makeBlob(14, 'nowhere'), []);
    await expect(web.putManifest(manifest, 'v1')).rejects.toMatchObject({
      code: 'REGISTRY_MANIFEST_REFUSED',
      message: expect.stringContaining('MANIFEST_BLOB_UNKNOWN') as unknown,
    });
  });

  test('all tags are listed, a thousand a request', async () => {
    const { bytes, mediaType } = await pushImage([makeBlob(15)], 't0');
    for (let index = 1; index < 7; index++) await web.putManifest({ mediaType, bytes }, `t${index}`);
    proxy.forget();
    expect((await listed(web.tags())).sort()).toEqual(['t0', 't1', 't2', 't3', 't4', 't5', 't6']);
    expect(proxy.requests).toHaveLength(1);
  });

  test('a repository that is not there has no tags to list', async () => {
    await expect(listed(web.tags())).rejects.toMatchObject({ code: 'REGISTRY_NOT_FOUND' });
  });

  test('a blob of a neighbour is taken over without a byte of it', async () => {
    const blob = makeBlob(5 * MIB);
    await web.pushBlob(blob.descriptor, blob.source);
    const other = open('team/other');
    proxy.forget();
    const mountFrom = [`${proxy.host}/team/nobody`, 'elsewhere.example/team/web', web.name];
    expect(await other.pushBlob(blob.descriptor, blob.source, { mountFrom })).toBe('mounted');
    expect(proxy.requests.map(({ method, status }) => [method, status])).toEqual([
      ['POST', 202],
      ['POST', 201],
      ['DELETE', 204],
    ]);
    await expectBlob(other, blob);
  });

  test('where the neighbour has nothing, the upload that the registry began is used', async () => {
    const blob = makeBlob(MIB, 'unknown');
    const mountFrom = [`${proxy.host}/team/nobody`];
    expect(await web.pushBlob(blob.descriptor, blob.source, { mountFrom })).toBe('uploaded');
    expect(methods()).toEqual(['POST', 'PUT']);
    await expectBlob(web, blob);
  });

  test('a push that breaks anywhere is finished, although this registry forgets broken uploads', async () => {
    const blob = makeBlob(9 * MIB);
    proxy.inject({ method: 'PATCH', times: 1, fault: { kind: 'cut', direction: 'up', afterBytes: 3 * MIB } });
    proxy.inject({ method: 'PATCH', skip: 1, times: 1, fault: { kind: 'lose-answer' } });
    proxy.inject({ method: 'PUT', times: 1, fault: { kind: 'answer', status: 500 } });
    proxy.inject({ method: 'PUT', skip: 1, times: 1, fault: { kind: 'lose-answer' } });
    expect(await web.pushBlob(blob.descriptor, blob.source)).toBe('uploaded');
    await expectBlob(web, blob);
    const small = makeBlob(MIB, 'small');
    proxy.inject({ method: 'PUT', times: 1, fault: { kind: 'cut', direction: 'up', afterBytes: MIB / 2 } });
    await web.pushBlob(small.descriptor, small.source);
    await expectBlob(web, small);
  });

  test('a pull that breaks goes on by range', async () => {
    const blob = makeBlob(9 * MIB, 'pulled');
    await web.pushBlob(blob.descriptor, blob.source);
    proxy.forget();
    proxy.inject({ method: 'GET', times: 3, fault: { kind: 'cut', direction: 'down', afterBytes: 2 * MIB } });
    await expectBlob(web, blob);
    expect(proxy.requests.map(({ status }) => status)).toEqual([200, 206, 206, 206]);
  });

  test('a blob that is not what its digest says is refused by the registry', async () => {
    const { descriptor } = makeBlob(1000, 'one');
    const { source } = makeBlob(1000, 'another');
    await expect(web.pushBlob(descriptor, source)).rejects.toMatchObject({
      code: 'REGISTRY_BLOB_REFUSED',
      message: expect.stringContaining('DIGEST_INVALID') as unknown,
    });
    expect(await web.hasBlob(descriptor)).toBe(false);
  });
});

function imageManifest(config: TestBlob, layers: readonly TestBlob[]): ManifestToPut {
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { ...config.descriptor, mediaType: OCI_CONFIG },
    layers: layers.map(({ descriptor }) => ({
      ...descriptor,
      mediaType: 'application/vnd.oci.image.layer.v1.tar',
    })),
  };
  return { mediaType: OCI_MANIFEST, bytes: Buffer.from(JSON.stringify(manifest)) };
}
