import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isHyperfileError } from '../../src/base/error.ts';
import { digestOf, digestOfJson } from '../../src/oci/digest.ts';
import {
  decodeCacheRecord,
  decodeImage,
  encodeCacheRecord,
  encodeImage,
  MAX_CONFIG_BYTES,
} from '../../src/oci/image-artifact.ts';
import type { ImageConfig } from '../../src/oci/image.ts';
import { cutLayerDigest } from '../../src/oci/layer-descriptors.ts';
import type { LayerBlob, ShippedLayer } from '../../src/oci/layer-form.ts';
import { parseImageManifest } from '../../src/oci/manifest.ts';
import { CACHE_TYPE, IMAGE_CONFIG, IMAGE_TYPE } from '../../src/oci/media-types.ts';
import { cacheRecord, image, mutations } from './arbitraries.ts';

describe('an image as an artifact', () => {
  test('is the same when it comes back, and has the same id', () => {
    fc.assert(
      fc.property(image, ({ config, layers }) => {
        const artifact = encodeImage(config, layers);
        const manifest = parseImageManifest(artifact.manifest.bytes, 'web');
        const back = decodeImage(manifest, artifact.config.bytes, 'web');
        expect(back).toEqual({ config, layers });
        expect(digestOfJson(back.config)).toBe(digestOfJson(config));
      }),
    );
  });

  test('has a manifest that does not depend on the order in which anything was written down', () => {
    fc.assert(
      fc.property(image, ({ config, layers }) => {
        const shuffled = Object.fromEntries(Object.entries(config).reverse()) as unknown as ImageConfig;
        const one = encodeImage(config, layers);
        const other = encodeImage(shuffled, layers);
        expect(Buffer.from(other.manifest.bytes)).toEqual(Buffer.from(one.manifest.bytes));
        expect(one.manifest.descriptor).toEqual({
          mediaType: one.manifest.mediaType,
          digest: digestOf(one.manifest.bytes),
          size: one.manifest.bytes.length,
          artifactType: IMAGE_TYPE,
        });
      }),
    );
  });

  test('that was changed is whole and another one, or an error of ours', () => {
    const changed = image.chain(({ config, layers }) => {
      const artifact = encodeImage(config, layers);
      return fc.tuple(
        fc.oneof(mutations(artifact.manifest.bytes), fc.constant(artifact.manifest.bytes)),
        fc.oneof(mutations(artifact.config.bytes), fc.constant(artifact.config.bytes)),
      );
    });
    fc.assert(
      fc.property(changed, ([manifestBytes, configBytes]) => {
        const back = orError(() => decodeImage(parseImageManifest(manifestBytes, 'web'), configBytes, 'web'));
        if (back === undefined) return;
        const { config, layers } = back;
        const again = encodeImage(config, layers);
        expect(
          decodeImage(parseImageManifest(again.manifest.bytes, 'web'), again.config.bytes, 'web'),
        ).toEqual(back);
      }),
      { numRuns: 2000 },
    );
  });

  test('without layers lists its config as its only layer', () => {
    const { manifest, config } = encodeImage({ ...CONFIG, layers: [] }, []);
    const { layers } = parseImageManifest(manifest.bytes, 'web');
    expect(layers).toEqual([config.descriptor]);
    expect(decodeImage(parseImageManifest(manifest.bytes, 'web'), config.bytes, 'web').layers).toEqual([]);
  });
});

describe('a cache record as an artifact', () => {
  test('is the same when it comes back', () => {
    fc.assert(
      fc.property(cacheRecord, (record) => {
        const { manifest, config } = encodeCacheRecord(record);
        expect(decodeCacheRecord(parseImageManifest(manifest.bytes, 'k'), config.bytes, 'k')).toEqual(
          JSON.parse(JSON.stringify(record)),
        );
        expect(manifest.descriptor.artifactType).toBe(CACHE_TYPE);
      }),
    );
  });

  test('that was changed is a record or an error of ours', () => {
    const changed = cacheRecord.chain((record) => {
      const { manifest, config } = encodeCacheRecord(record);
      return fc.tuple(fc.constant(manifest.bytes), mutations(config.bytes));
    });
    fc.assert(
      fc.property(changed, ([manifest, config]) => {
        orError(() => decodeCacheRecord(parseImageManifest(manifest, 'k'), config, 'k'));
      }),
      { numRuns: 1000 },
    );
  });

  test('with inputs nested too deeply is refused', () => {
    const { manifest, config } = encodeCacheRecord({ key: 'k', inputs: 'HERE', created: '', layers: [] });
    const depth = 100_000;
    const nested = Buffer.from(config.bytes)
      .toString()
      .replace('"HERE"', '['.repeat(depth) + ']'.repeat(depth));
    expect(() =>
      decodeCacheRecord(parseImageManifest(manifest.bytes, 'k'), Buffer.from(nested), 'k'),
    ).toThrow('nested too deeply');
  });
});

const D = digestOf('x');
const BASE_ID = '0'.repeat(32);
const LEAF_ID = '1'.repeat(32);

function wholeBlob(contentBytes = 10): LayerBlob {
  return {
    kind: 'whole',
    digest: D,
    sizeBytes: 100,
    contentDigest: D,
    contentBytes,
    tablesDigest: D,
    tablesBytes: 50,
  };
}

const HEAD: LayerBlob = { ...wholeBlob(), kind: 'head' };
const WINDOWS: LayerBlob[] = [
  { ...wholeBlob(5), kind: 'window', windowIndex: 1 },
  { ...wholeBlob(6), kind: 'window', windowIndex: 4 },
];
const LAYERS: ShippedLayer[] = [
  {
    id: LEAF_ID,
    parent: BASE_ID,
    form: {
      digest: cutLayerDigest([D, D, D]),
      sizeBytes: 100,
      blobs: [HEAD, ...WINDOWS],
      headExtents: [
        { fileOffset: 0, length: 6 },
        { fileOffset: 50, length: 4 },
      ],
    },
  },
  { id: BASE_ID, key: 'k', form: { digest: D, sizeBytes: 10, blobs: [wholeBlob()] } },
];
const CONFIG: ImageConfig = {
  schema: 1,
  created: '2026-01-01T00:00:00.000Z',
  os: 'linux',
  architecture: 'amd64',
  config: { env: {}, workdir: '/', user: '', shell: [], labels: {}, exposedPorts: [], volumes: [] },
  disk: { sizeBytes: 4096, rootOffset: 0, rootLength: 4096, rootType: 'ext4' },
  layers: [LEAF_ID, BASE_ID],
  history: [],
  key: 'k',
};

type Edit = (manifest: Json, config: Json) => void;
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Json = any;

// The texts are spoilt on purpose, in places that no type knows.
/* eslint-disable @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-call */
/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-return */
describe('an image from elsewhere is refused', () => {
  test.each<[string, string, Edit]>([
    ['of another type', 'artifact type', (m) => (m.artifactType = 'a/b')],
    ['with a config of another type', IMAGE_CONFIG, (m) => (m.config.mediaType = 'a/b')],
    ['whose base has a parent', 'layers[0].parent', (_, c) => (c.layers[0].parent = LEAF_ID)],
    ['whose leaf has none', 'layers[1].parent', (_, c) => delete c.layers[1].parent],
    ['whose layers are in the wrong order', 'parent', (_, c) => c.layers.reverse()],
    ['with an id that is a path', 'layers[0].id', (_, c) => (c.layers[0].id = '../../../../etc/passwd')],
    ['with an upper-case id', 'layers[0].id', (_, c) => (c.layers[0].id = 'A'.repeat(32))],
    [
      'with a layer twice',
      'twice',
      (_, c) => {
        c.layers[1].id = BASE_ID;
      },
    ],
    ['with a blob too few', 'layers[1].blobs', (m) => m.layers.pop()],
    ['with a blob too many', 'belong to no layer', (m) => m.layers.push(m.layers[0])],
    ['with a layer without blobs', 'layers[0].blobs', (_, c) => (c.layers[0].blobs = 0)],
    ['whose sizes differ', 'sizes', (_, c) => (c.layers[0].size = 11)],
    ['whose digests differ', 'digests', (_, c) => (c.layers[0].digest = digestOf('y'))],
    ['whose cut digest does not follow', 'does not follow', (_, c) => (c.layers[1].digest = digestOf('y'))],
    ['with a head beyond the file', 'leave the file', (_, c) => (c.layers[1].headExtents[1][1] = 51)],
    ['with a head that overlaps', 'overlap', (_, c) => (c.layers[1].headExtents[1][0] = 5)],
    ['with a head that does not add up', 'add up', (_, c) => (c.layers[1].headExtents[1][1] = 5)],
    ['without the extents of the head', 'where its head', (_, c) => delete c.layers[1].headExtents],
    ['with extents of a whole layer', 'whole layer', (_, c) => (c.layers[0].headExtents = [])],
    ['with windows out of order', 'order', (m) => (m.layers[3].annotations['dev.hyperfile.window'] = '1')],
    [
      'with a window beyond any disk',
      'order',
      (m) => (m.layers[3].annotations['dev.hyperfile.window'] = '131072'),
    ],
    [
      'with a window that is too long',
      'cannot be',
      (m) => (m.layers[3].annotations['dev.hyperfile.content.size'] = '536870913'),
    ],
    [
      'with more content than file',
      'more than the layer',
      (m) => (m.layers[3].annotations['dev.hyperfile.content.size'] = '90'),
    ],
    ['with two heads', 'no window', (m) => (m.layers[3].mediaType = m.layers[1].mediaType)],
    ['with a lone window', 'neither', (m) => (m.layers[0] = m.layers[3])],
    ['with a blob that is no layer', 'not the media type', (m) => (m.layers[0].mediaType = 'a/b')],
    ['without annotations', 'is not a text', (m) => delete m.layers[0].annotations],
    [
      'with a size in hex',
      'is not a size',
      (m) => (m.layers[0].annotations['dev.hyperfile.content.size'] = '0xa'),
    ],
    [
      'with a size that is no exact number',
      'is not a size',
      (m) => (m.layers[0].annotations['dev.hyperfile.content.size'] = '9007199254740993'),
    ],
    [
      'with tables longer than the blob',
      'part of the blob',
      (m) => (m.layers[0].annotations['dev.hyperfile.tables.size'] = '101'),
    ],
    [
      'with more layers than a chain can have',
      'more than 256',
      (_, c) => (c.layers = Array(257).fill(c.layers[0])),
    ],
    ['with extents that are no pairs', 'offsets with lengths', (_, c) => c.layers[1].headExtents.push([1])],
    ['of an unknown kind', 'kind', (_, c) => (c.kind = 'other')],
    ['of a newer schema', 'schema', (_, c) => (c.schema = 2)],
    ['whose root is not on its disk', 'rootLength', (_, c) => (c.disk.rootLength = 4097)],
    ['with a zero byte in its environment', 'zero byte', (_, c) => (c.config.env.A = '\0')],
  ])('%s', (_, reason, edit) => {
    const artifact = encodeImage(CONFIG, LAYERS);
    const manifest: Json = JSON.parse(Buffer.from(artifact.manifest.bytes).toString());
    const config: Json = JSON.parse(Buffer.from(artifact.config.bytes).toString());
    decode(manifest, config);
    edit(manifest, config);
    expect(() => decode(manifest, config)).toThrow(reason);
    expect(() => decode(manifest, config)).toThrow('the image web makes no sense');
  });

  test('when its config is too long, or no JSON', () => {
    const { manifest } = encodeImage(CONFIG, LAYERS);
    const parsed = parseImageManifest(manifest.bytes, 'web');
    expect(() => decodeImage(parsed, Buffer.alloc(MAX_CONFIG_BYTES + 1, ' '), 'web')).toThrow('longer than');
    expect(() => decodeImage(parsed, Buffer.from('{'), 'web')).toThrow('not JSON');
    expect(() => decodeImage(parsed, Buffer.from('"\xff"', 'latin1'), 'web')).toThrow('not JSON');
  });

  test('with a zero below zero, which would be written back as another', () => {
    const { manifest, config } = encodeImage(CONFIG, LAYERS);
    const text = Buffer.from(config.bytes).toString().replace('"rootOffset":0', '"rootOffset":-0');
    const read = () => decodeImage(parseImageManifest(manifest.bytes, 'web'), Buffer.from(text), 'web');
    expect(read).toThrow('disk.rootOffset is not a whole number from 0');
  });

  function decode(manifest: Json, config: Json): void {
    const parsed = parseImageManifest(Buffer.from(JSON.stringify(manifest)), 'web');
    decodeImage(parsed, Buffer.from(JSON.stringify(config)), 'web');
  }
});

test('what is unknown in an image changes nothing', () => {
  const artifact = encodeImage(CONFIG, LAYERS);
  const manifest: Json = JSON.parse(Buffer.from(artifact.manifest.bytes).toString());
  const config: Json = JSON.parse(Buffer.from(artifact.config.bytes).toString());
  manifest.unknown = manifest.layers[0].unknown = config.unknown = config.layers[0].unknown = { a: [null] };
  manifest.layers[0].annotations.unknown = 'x';
  const parsed = parseImageManifest(Buffer.from(JSON.stringify(manifest)), 'web');
  expect(decodeImage(parsed, Buffer.from(JSON.stringify(config)), 'web')).toEqual({
    config: CONFIG,
    layers: LAYERS,
  });
});

function orError<T>(body: () => T): T | undefined {
  try {
    return body();
  } catch (error) {
    if (!isHyperfileError(error)) throw error;
    return undefined;
  }
}
