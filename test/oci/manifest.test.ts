import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isHyperfileError } from '../../src/base/error.ts';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { digestOf } from '../../src/oci/digest.ts';
import {
  encodeManifest,
  indexManifest,
  isIndex,
  MAX_MANIFEST_BYTES,
  namedBlobs,
  parseImageManifest,
  parseManifest,
  type ImageIndex,
  type ImageManifest,
} from '../../src/oci/manifest.ts';
import {
  DOCKER_INDEX,
  DOCKER_MANIFEST,
  OCI_CONFIG,
  OCI_INDEX,
  OCI_MANIFEST,
} from '../../src/oci/media-types.ts';
import { mutations } from './arbitraries.ts';

const CONFIG: Descriptor = { mediaType: OCI_CONFIG, digest: digestOf('c'), size: 1 };
const LAYER: Descriptor = {
  mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
  digest: digestOf('l'),
  size: 2,
  annotations: { a: 'b' },
};
const MANIFEST: ImageManifest = {
  schemaVersion: 2,
  mediaType: OCI_MANIFEST,
  artifactType: 'application/x',
  config: CONFIG,
  layers: [LAYER],
  annotations: { c: 'd' },
};
const INDEX: ImageIndex = {
  schemaVersion: 2,
  mediaType: OCI_INDEX,
  manifests: [
    {
      mediaType: OCI_MANIFEST,
      digest: digestOf('m'),
      size: 3,
      artifactType: 'application/x',
      platform: { os: 'windows', architecture: 'arm64', variant: 'v8', 'os.version': '10.0.1' },
    },
  ],
};

function parse(value: unknown): ImageManifest | ImageIndex {
  return parseManifest(Buffer.from(JSON.stringify(value)), 'web');
}

describe('a manifest', () => {
  test.each([
    MANIFEST,
    INDEX,
    { ...MANIFEST, mediaType: DOCKER_MANIFEST },
    { ...INDEX, mediaType: DOCKER_INDEX },
  ])('of %j is the same when it comes back', (manifest) => {
    const { bytes, descriptor } = encodeManifest(manifest as ImageManifest | ImageIndex);
    expect(parseManifest(bytes, 'web')).toEqual(manifest);
    expect(descriptor).toMatchObject({
      mediaType: manifest.mediaType,
      digest: digestOf(bytes),
      size: bytes.length,
    });
  });

  test('without a media type is OCI’s: an index when it lists manifests', () => {
    expect(parse({ ...MANIFEST, mediaType: undefined })).toEqual(MANIFEST);
    expect(parse({ ...INDEX, mediaType: undefined })).toEqual(INDEX);
    expect(isIndex(parse(INDEX))).toBe(true);
    expect(isIndex(parse(MANIFEST))).toBe(false);
  });

  test('keeps what it knows of fields, and drops the others', () => {
    const layers = [{ ...LAYER, urls: ['u'], data: 'AA==' }];
    expect(parse({ ...MANIFEST, layers, unknown: [], subject: null })).toEqual(MANIFEST);
    expect(parse({ ...MANIFEST, artifactType: '' })).toEqual({ ...MANIFEST, artifactType: undefined });
  });

  test.each<[string, unknown, string]>([
    ['no object', [], 'it is not an object'],
    ['of schema 1', { schemaVersion: 1, fsLayers: [] }, 'oldest form'],
    ['of schema 3', { ...MANIFEST, schemaVersion: 3 }, 'schemaVersion is not 2'],
    ['both an image and an index', { ...INDEX, config: CONFIG }, 'both an image and an index'],
    [
      'an index that says it is an image',
      { ...INDEX, mediaType: OCI_MANIFEST },
      'not the media type of an index',
    ],
    [
      'an image that says it is an index',
      { ...MANIFEST, mediaType: OCI_INDEX },
      'not the media type of an image',
    ],
    ['of a type that is none', { ...MANIFEST, mediaType: '<b>' }, 'mediaType is not a media type'],
    ['without layers', { ...MANIFEST, layers: undefined }, 'layers is not a list'],
    ['without a config', { ...MANIFEST, config: undefined }, 'config is not an object'],
    ['with a negative size', { ...MANIFEST, layers: [{ ...LAYER, size: -1 }] }, 'layers[0].size'],
    ['with a size of half a byte', { ...MANIFEST, layers: [{ ...LAYER, size: 0.5 }] }, 'layers[0].size'],
    ['with a size no number holds', { ...MANIFEST, config: { ...CONFIG, size: 2 ** 53 } }, 'config.size'],
    ['with a size in words', { ...MANIFEST, config: { ...CONFIG, size: '1' } }, 'config.size'],
    ['with a digest that is a path', { ...MANIFEST, config: { ...CONFIG, digest: '../x' } }, 'config.digest'],
    ['with a short digest', { ...MANIFEST, config: { ...CONFIG, digest: 'sha256:ab' } }, 'config.digest'],
    [
      'with a media type that is a path',
      { ...MANIFEST, config: { ...CONFIG, mediaType: '../../x' } },
      'config.mediaType',
    ],
    ['with annotations that are numbers', { ...MANIFEST, annotations: { a: 1 } }, 'annotations.a'],
    [
      'with a platform without an architecture',
      { ...INDEX, manifests: [{ ...LAYER, platform: { os: 'linux' } }] },
      'manifests[0].platform.architecture',
    ],
    ['with too many layers', { ...MANIFEST, layers: Array(16_385).fill(0) }, 'more than 16384'],
  ])('%s is refused, naming what is wrong', (_, value, reason) => {
    expect(() => parse(value)).toThrow(reason);
    expect(() => parse(value)).toThrow('the manifest of web makes no sense');
  });

  test('with digests of another kind is refused by name', () => {
    const digest = `sha512:${'0'.repeat(128)}`;
    expect(() => parse({ ...MANIFEST, config: { ...CONFIG, digest } })).toThrow(
      `web is named by a digest that cannot be checked: ${digest}`,
    );
  });

  test('that is too long, no JSON or not UTF-8 is refused', () => {
    expect(() => parseManifest(Buffer.alloc(MAX_MANIFEST_BYTES + 1, ' '), 'web')).toThrow(
      'longer than 4194304',
    );
    for (const bytes of ['', '{', '[[[['.repeat(1_000_000), '"\xff"'])
      expect(() => parseManifest(Buffer.from(bytes, 'latin1'), 'web')).toThrow('not JSON');
  });

  test('that was changed is a manifest or an error of ours', () => {
    const good = fc.constantFrom<ImageManifest | ImageIndex>(MANIFEST, INDEX);
    const changed = good.chain((manifest) => mutations(encodeManifest(manifest).bytes));
    fc.assert(
      fc.property(changed, (bytes) => {
        try {
          const manifest = parseManifest(bytes, 'web');
          expect(parseManifest(encodeManifest(manifest).bytes, 'web')).toEqual(manifest);
        } catch (error) {
          if (!isHyperfileError(error)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('of an image is not that of an index', () => {
    expect(() => parseImageManifest(encodeManifest(INDEX).bytes, 'web')).toThrow('an index of images');
  });

  test('names what must lie beside it, but for layers that may not be passed on', () => {
    const foreign = {
      ...LAYER,
      mediaType: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
    };
    expect(namedBlobs({ ...MANIFEST, layers: [foreign, LAYER] })).toEqual([CONFIG, LAYER]);
    expect(namedBlobs(INDEX)).toEqual(INDEX.manifests);
  });
});

test('an index is composed of descriptors in their order', () => {
  const { bytes, mediaType } = indexManifest(INDEX.manifests);
  expect(mediaType).toBe(OCI_INDEX);
  expect(parseManifest(bytes, 'web')).toEqual(INDEX);
});
