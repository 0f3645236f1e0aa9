import { mkdirSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, test } from 'vitest';
import { unpackLayer } from '../../src/build/bases/container-layer.ts';
import { containerBase } from '../../src/build/bases/container.ts';
import type { Base } from '../../src/build/bases/base.ts';
import type { BuildEvent } from '../../src/build/events.ts';
import { nameImage } from '../../src/build/name-image.ts';
import { Workshop } from '../../src/build/workshop.ts';
import { MountedFiles } from '../../src/fs/mounted-files.ts';
import { digestOf } from '../../src/oci/digest.ts';
import { parseImageManifest } from '../../src/oci/manifest.ts';
import {
  CAPABILITY,
  imageBlobs,
  layerTar,
  listTree,
  umociUnpack,
  writeLayout,
  type HandMadeImage,
  type HandMadeLayer,
  type LayerEntry,
} from '../support/container-image.ts';
import { MemoryRepository } from '../support/memory-repository.ts';
import { describeWith } from '../support/needs.ts';
import { BUILD_NEEDS, Yard } from './building.ts';
import { lastingLeftovers } from '../support/traces.ts';

const DISK_BYTES = 1024 ** 3;

const LAYERS: readonly (readonly LayerEntry[])[] = [
  [
    { name: 'etc/', uid: 0, mode: 0o755 },
    { name: 'etc/hostname', content: 'first\n' },
    { name: 'usr/' },
    { name: 'usr/bin/' },
    { name: 'usr/bin/tool', content: 'T'.repeat(100_000), mode: 0o4755, uid: 7, gid: 70_000 },
    { name: 'usr/bin/same', type: 'link', linkname: 'usr/bin/tool' },
    { name: 'bin', type: 'symlink', linkname: 'usr/bin' },
    { name: 'usr/bin/net', content: 'n', mode: 0o755, xattrs: { 'security.capability': CAPABILITY } },
    { name: 'var/', mode: 0o1777, xattrs: { 'user.kept': 'no' } },
    { name: 'var/cache/' },
    { name: 'var/cache/old', content: 'old' },
    { name: 'var/cache/deep/' },
    { name: 'var/cache/deep/older', content: 'older' },
    { name: 'dev/' },
    { name: 'dev/null', type: 'character-device', devmajor: 1, devminor: 3, mode: 0o666 },
    { name: 'changes', content: 'a file' },
    { name: `${'long/'.repeat(40)}name` },
  ],
  [
    { name: 'var/', mode: 0o755 },
    { name: 'var/cache/' },
    { name: 'var/cache/new', content: 'new' },
    { name: 'var/cache/.wh..wh..opq' },
    { name: 'etc/' },
    { name: 'etc/.wh.hostname' },
    { name: 'usr/bin/third', type: 'link', linkname: 'usr/bin/same' },
    { name: 'changes/', mode: 0o700, uid: 5 },
    { name: 'changes/now', content: 'a directory' },
  ],
  [],
  [
    { name: 'bin/through', content: 'written through a link' },
    { name: 'usr/bin/tool', content: 'another tool' },
    { name: 'changes', type: 'symlink', linkname: '/etc' },
    { name: 'etc/hostname', content: 'last\n', xattrs: { 'user.who': 'me' } },
  ],
];

describeWith([...BUILD_NEEDS, 'umoci', 'getfattr'], 'a container image as a base', () => {
  const yard = new Yard();
  let count = 0;

  afterAll(async () => {
    expect(await lastingLeftovers(yard.folder)).toEqual([]);
    expect(yard.strayLayers()).toEqual([]);
    yard.remove();
  });

  interface Taken {
    readonly base: Base;
    readonly events: readonly BuildEvent[];
    readonly repository: MemoryRepository;
    /** Of the image that is made of the base. */
    readonly id: string;
  }

  /** Takes an image in from a repository in memory, as FROM does. */
  async function take(
    image: HandMadeImage,
    prepare?: (repository: MemoryRepository) => void,
  ): Promise<Taken> {
    const { blobs, manifest } = imageBlobs(image);
    const repository = new MemoryRepository();
    for (const bytes of blobs.values()) repository.addBlob(bytes);
    prepare?.(repository);
    const store = await yard.store();
    const events: BuildEvent[] = [];
    const options = { contextPath: yard.folder, tags: [], buildArgs: {}, noCache: false, pull: false };
    const workshop = await Workshop.open({
      store,
      onEvent: (event) => events.push(event),
      signal: new AbortController().signal,
      options: { ...options, diskSizeBytes: DISK_BYTES },
      context: { label: 'nothing', rootPath: yard.folder, keepOwners: false },
    });
    try {
      const parsed = parseImageManifest(blobs.get(manifest.digest)!, 'it');
      const found = { repository, manifest: parsed, descriptor: manifest, name: 'team/it:1' };
      const base = await containerBase(found, workshop, '0.0');
      await workshop.recorded();
      const { id } = await nameImage(base, [], store);
      return { base, events, repository, id };
    } finally {
      await workshop.close();
    }
  }

  async function tars(layers = LAYERS): Promise<HandMadeLayer[]> {
    return Promise.all(layers.map(async (entries) => ({ tar: await layerTar(entries) })));
  }

  /** The tree that umoci unpacks the same image to. */
  function judged(image: HandMadeImage): string[] {
    const folder = path.join(yard.folder, `judge-${count++}`);
    writeLayout(path.join(folder, 'layout'), 'it', image);
    return listTree(umociUnpack(path.join(folder, 'layout'), 'it', path.join(folder, 'bundle')));
  }

  const warnings = (events: readonly BuildEvent[]): string[] =>
    events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
  const incoming = (): string[] => {
    const folder = path.join(yard.home, 'incoming');
    return readdirSync(folder).filter((name) => !name.endsWith('.lock'));
  };

  test('has the tree that umoci unpacks, as one layer on an empty disk', async () => {
    const image = { layers: await tars() };
    const { base, id } = await take(image);
    expect(base).toMatchObject({ kind: 'container', cached: false });
    expect(base.layers).toHaveLength(2);
    expect(await yard.inside(id, listTree)).toEqual(judged(image));
    expect(incoming()).toEqual([]);
  });

  test('is found in the cache by its digest, and then asks for nothing', async () => {
    const first = await take({ layers: await tars() });
    const second = await take({ layers: await tars() });
    expect(second.base).toEqual({ ...first.base, cached: true });
    expect(second.repository.requests).toEqual([]);
    expect(second.id).toBe(first.id);
  });

  test('may be compressed with gzip, zstd or not at all, whatever its type says', async () => {
    const layers = await tars();
    const [first, second, third, last] = layers.map(({ tar }) => ({ tar }));
    const oci = 'application/vnd.oci.image.layer.v1.tar';
    const docker = 'application/vnd.docker.image.rootfs.diff.tar';
    const { id } = await take({
      layers: [
        { ...first, compression: 'zstd' },
        { ...second, compression: 'none', mediaType: `${docker}.gzip` },
        { ...third, compression: 'none' },
        { ...last, compression: 'gzip', mediaType: oci },
      ],
    });
    expect(await yard.inside(id, listTree)).toEqual(judged({ layers }));
  });

  test('fetches the next layers while the first is unpacked', async () => {
    const content = (index: number): LayerEntry[] => [
      { name: `f${index}`, content: `${index}`.repeat(300_000) },
    ];
    const layers = await tars([0, 1, 2, 3, 4, 5].map(content));
    let begun = 0;
    const { repository } = await take({ layers }, (from) => {
      const first = [...from.blobs.keys()][0];
      from.onRequest = async ({ kind, target }) => {
        if (kind !== 'readBlob') return;
        begun++;
        // The first layer does not arrive before three more were asked for.
        while (target === first && begun < 5) await setImmediate();
      };
    });
    expect(repository.count('readBlob')).toBe(7);
  });

  test('goes on after a broken transfer with what has arrived', async () => {
    const big = { name: 'big', content: 'x' };
    const layers = [
      { tar: await layerTar([{ ...big, content: randomText(400_000) }]), compression: 'none' as const },
      {
        tar: await layerTar([{ name: 'second', content: randomText(300_000) }]),
        compression: 'none' as const,
      },
    ];
    const breakAt = (from: MemoryRepository): void => {
      from.onPiece = (piece, { offset }) => {
        if (offset >= 262_144) throw new Error('the line is cut');
        return piece;
      };
    };
    await expect(take({ layers }, breakAt)).rejects.toThrow('the line is cut');
    expect(incoming()).not.toEqual([]);
    const { repository, id } = await take({ layers });
    const offsets = repository.requests.flatMap(({ kind, offset }) => (kind === 'readBlob' ? [offset] : []));
    expect(offsets.filter((offset) => offset! > 0).length).toBeGreaterThan(0);
    expect(await yard.inside(id, listTree)).toEqual(judged({ layers }));
    expect(incoming()).toEqual([]);
  });

  test('hands on what its config says', async () => {
    const execution = {
      Env: ['PATH=/bin', 'A=b=c'],
      Cmd: ['serve'],
      WorkingDir: '/srv',
      ExposedPorts: { '80/tcp': {} },
      Labels: { by: 'us' },
      OnBuild: ['RUN later', 'COPY . /'],
    };
    const layers = await tars([[{ name: 'x', content: 'x' }]]);
    const { base, events } = await take({ layers, execution });
    expect(base.config).toMatchObject({
      env: { PATH: '/bin', A: 'b=c' },
      cmd: ['serve'],
      workdir: '/srv',
      exposedPorts: ['80/tcp'],
      labels: { by: 'us' },
    });
    expect(base.history.map(({ createdBy }) => createdBy)).toEqual([
      'FROM scratch',
      'ADD layer 1',
      'FROM team/it:1',
    ]);
    expect(warnings(events)).toEqual([
      'team/it:1 has ONBUILD instructions, which are not run: RUN later; COPY . /',
    ]);
  });

  test('of another architecture is taken with a warning, of another system not at all', async () => {
    const layers = await tars([[{ name: 'y', content: 'y' }]]);
    const { events } = await take({ layers, config: { architecture: 's390x' } });
    expect(warnings(events)).toEqual([
      expect.stringContaining('team/it:1 is made for linux/s390x, this host is'),
    ]);
    await expect(take({ layers, config: { os: 'windows' } })).rejects.toMatchObject({
      code: 'BUILD_CONTAINER_PLATFORM',
    });
  });

  test.each([
    ['application/vnd.docker.image.rootfs.foreign.diff.tar.gzip', 'may not be distributed'],
    ['application/vnd.oci.image.layer.nondistributable.v1.tar+gzip', 'may not be distributed'],
    ['application/vnd.oci.image.layer.v1.tar+gzip+encrypted', 'it is encrypted'],
    ['application/vnd.cncf.helm.chart.content.v1.tar+gzip', 'no form of a layer'],
  ])('with a layer of type %s is refused before anything is fetched', async (mediaType, reason) => {
    const [layer] = await tars([[{ name: 'z', content: 'z' }]]);
    let asked = 0;
    const refused = take(
      { layers: [{ ...layer, mediaType }] },
      (from) => (from.onRequest = () => void asked++),
    );
    await expect(refused).rejects.toMatchObject({
      code: 'BUILD_CONTAINER_LAYER',
      message: expect.stringContaining(reason) as string,
    });
    expect(asked).toBeLessThanOrEqual(1);
  });

  test('is refused when a layer is not what the config says', async () => {
    const layers = await tars([[{ name: 'one', content: '1' }], [{ name: 'two', content: '2' }]]);
    const [one] = layers;
    const wrong = imageBlobs({ layers: [one, one] });
    const config = JSON.parse([...wrong.blobs.values()].at(-2)!.toString()) as { rootfs: unknown };
    const failed = take({ layers, config: { rootfs: config.rootfs } });
    await expect(failed).rejects.toMatchObject({ code: 'BUILD_CONTAINER_DIFF_ID', exitStatus: 4 });
    const short = take({ layers, config: { rootfs: { type: 'layers', diff_ids: [] } } });
    await expect(short).rejects.toMatchObject({ code: 'BUILD_CONTAINER_CONFIG' });
  });

  test('is refused when a blob is not what the manifest says, and nothing of it stays', async () => {
    const layers = await tars([[{ name: 'p', content: 'p' }], [{ name: 'q', content: 'q' }]]);
    const spoil = (from: MemoryRepository): void => {
      from.onPiece = (piece, { request }) => {
        if (request.target === [...from.blobs.keys()][1]) piece[piece.length - 1] ^= 1;
        return piece;
      };
    };
    const failed = take({ layers }, spoil);
    await expect(failed).rejects.toMatchObject({ exitStatus: 4 });
  });

  test('that unpacks to more than the disk is stopped', async () => {
    const tar = Buffer.concat([await layerTar([{ name: 'r', content: 'r' }]), Buffer.alloc(2 ** 26)]);
    const root = path.join(yard.folder, 'bomb');
    mkdirSync(root);
    const layer = {
      label: 'layer 1 of a bomb',
      descriptor: { mediaType: '', digest: '', size: 0 },
      diffId: digestOf(tar),
    };
    const files = new MountedFiles(root, { label: 'the guest' });
    const options = {
      diskBytes: 2 ** 22,
      signal: new AbortController().signal,
      onBytes: () => undefined,
    };
    const failed = unpackLayer(layer, Readable.from([gzipSync(tar)]), files, options);
    await expect(failed).rejects.toMatchObject({ code: 'BUILD_CONTAINER_TOO_LARGE', exitStatus: 4 });
  });
});

function randomText(length: number): string {
  let seed = 1;
  return Array.from({ length }, () => {
    seed = (seed * 1103515245 + 12345) % 2147483648;
    return String.fromCharCode(33 + (seed % 90));
  }).join('');
}
