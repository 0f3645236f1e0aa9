/** Images, chains and forms of layers as fast-check makes them. */
import fc from 'fast-check';
import { digestOf } from '../../src/oci/digest.ts';
import type { GuestConfig, ImageConfig } from '../../src/oci/image.ts';
import { cutLayerDigest, WINDOW_BYTES } from '../../src/oci/layer-descriptors.ts';
import type { LayerBlob, LayerForm, ShippedLayer } from '../../src/oci/layer-form.ts';

const digest = fc.string({ maxLength: 8 }).map((text) => digestOf(text));
const text = fc.string({ unit: 'grapheme', maxLength: 12 }).filter((value) => !value.includes('\0'));
const texts = fc.array(text, { maxLength: 3 });
const count = fc.maxSafeNat();
const layerId = fc
  .array(fc.integer({ min: 0, max: 15 }), { minLength: 32, maxLength: 32 })
  .map((digits) => digits.map((digit) => digit.toString(16)).join(''));

function blob(kind: LayerBlob['kind'], contentBytes: fc.Arbitrary<number>): fc.Arbitrary<LayerBlob> {
  return fc.record({
    kind: fc.constant(kind),
    digest,
    sizeBytes: fc.integer({ min: 1000, max: 1e9 }),
    contentDigest: digest,
    contentBytes,
    tablesDigest: digest,
    tablesBytes: fc.integer({ min: 1, max: 1000 }),
  });
}

const wholeForm: fc.Arbitrary<LayerForm> = blob('whole', fc.integer({ min: 1, max: WINDOW_BYTES })).map(
  (only) => ({ digest: only.contentDigest, sizeBytes: only.contentBytes, blobs: [only] }),
);

const extents = fc
  .array(fc.tuple(fc.nat(1e6), fc.integer({ min: 1, max: 1e6 })), { minLength: 1, maxLength: 5 })
  .map((pairs) => {
    let end = 0;
    return pairs.map(([gap, length]) => {
      const fileOffset = end + gap;
      end = fileOffset + length;
      return { fileOffset, length };
    });
  });

const cutForm: fc.Arbitrary<LayerForm> = fc
  .record({
    headExtents: extents,
    head: blob('head', fc.constant(0)),
    windows: fc.array(fc.tuple(fc.nat(20), blob('window', fc.integer({ min: 1, max: WINDOW_BYTES }))), {
      maxLength: 4,
    }),
    restBytes: fc.nat(1e9),
  })
  .map(({ headExtents, head, windows, restBytes }) => {
    let windowIndex = -1;
    const blobs: LayerBlob[] = [
      { ...head, contentBytes: headExtents.reduce((total, { length }) => total + length, 0) },
      ...windows.map(([gap, window]) => ({ ...window, windowIndex: (windowIndex += gap + 1) })),
    ];
    const { fileOffset = 0, length = 0 } = headExtents.at(-1) ?? {};
    const contentBytes = blobs.reduce((total, each) => total + each.contentBytes, 0);
    const sizeBytes = Math.max(fileOffset + length, contentBytes) + restBytes;
    const digest = cutLayerDigest(blobs.map((each) => each.contentDigest));
    return { digest, sizeBytes, blobs, headExtents };
  });

export const form: fc.Arbitrary<LayerForm> = fc.oneof(wholeForm, cutForm);

/** Leaf first. */
export const chain: fc.Arbitrary<ShippedLayer[]> = fc
  .uniqueArray(fc.tuple(layerId, form, fc.option(text, { nil: undefined })), {
    maxLength: 5,
    selector: ([id]) => id,
  })
  .map((layers) =>
    layers.map(([id, form, key], depth) => {
      const parent = layers[depth + 1]?.[0];
      return { id, ...(parent !== undefined && { parent }), ...(key !== undefined && { key }), form };
    }),
  );

const guestConfig: fc.Arbitrary<GuestConfig> = fc.record(
  {
    env: fc.dictionary(text, text, { maxKeys: 3 }),
    entrypoint: texts,
    cmd: texts,
    workdir: text,
    user: text,
    shell: texts,
    labels: fc.dictionary(text, text, { maxKeys: 3 }),
    exposedPorts: texts,
    volumes: texts,
    stopSignal: text,
    healthcheck: fc.record(
      {
        test: texts,
        intervalMs: count,
        timeoutMs: count,
        startPeriodMs: count,
        startIntervalMs: count,
        retries: count,
      },
      { requiredKeys: ['test'], noNullPrototype: true },
    ),
  },
  {
    requiredKeys: ['env', 'workdir', 'user', 'shell', 'labels', 'exposedPorts', 'volumes'],
    noNullPrototype: true,
  },
);

const disk = fc
  .tuple(fc.nat(1e12), fc.nat(1e12), fc.nat(1e12), text)
  .map(([rootOffset, rootLength, rest, rootType]) => ({
    sizeBytes: rootOffset + rootLength + rest,
    rootOffset,
    rootLength,
    rootType,
  }));

export const image: fc.Arbitrary<{ config: ImageConfig; layers: ShippedLayer[] }> = fc
  .record({
    layers: chain,
    created: text,
    os: fc.constantFrom('linux' as const, 'windows' as const),
    architecture: text,
    config: guestConfig,
    disk,
    kind: fc.constantFrom(undefined, 'container' as const),
    history: fc.array(
      fc.record(
        { created: text, createdBy: text, layer: layerId },
        { requiredKeys: ['created', 'createdBy'], noNullPrototype: true },
      ),
      { maxLength: 3 },
    ),
    key: text,
  })
  .map(({ layers, kind, ...config }) => ({
    layers,
    config: { schema: 1, ...config, ...(kind && { kind }), layers: layers.map(({ id }) => id) },
  }));

export const cacheRecord = fc.record(
  {
    key: text,
    inputs: fc.jsonValue({ maxDepth: 5 }).filter((value) => value !== null),
    created: text,
    value: text,
    layers: chain,
  },
  { requiredKeys: ['key', 'inputs', 'created', 'layers'], noNullPrototype: true },
);

/** A JSON text somewhat different from a good one: a value replaced, removed or doubled, or a byte changed. */
export function mutations(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  const value: unknown = JSON.parse(Buffer.from(bytes).toString());
  const odd = fc.oneof(
    fc.constantFrom<unknown>(
      null,
      true,
      -1,
      0,
      1.5,
      2 ** 53,
      1e308,
      '',
      '\0',
      '../x',
      [],
      {},
      [[]],
      'sha512:abc',
    ),
    fc.jsonValue({ maxDepth: 2 }),
    fc.constant(digestOf('x')),
  );
  const edited = fc
    .tuple(fc.nat(), odd, fc.constantFrom('replace', 'remove', 'double'))
    .map(([at, other, how]) => {
      const places = placesIn(value);
      return Buffer.from(JSON.stringify(edit(value, places[at % places.length] ?? [], other, how)));
    });
  const flipped = fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, bits]) => {
    const copy = Buffer.from(bytes);
    copy[at] ^= bits;
    return copy;
  });
  const cut = fc.nat(bytes.length).map((length) => bytes.subarray(0, length));
  return fc.oneof({ weight: 6, arbitrary: edited }, { weight: 2, arbitrary: flipped }, cut);
}

type Way = readonly string[];

function placesIn(value: unknown, way: Way = []): Way[] {
  if (typeof value !== 'object' || value === null) return [way];
  return [way, ...Object.entries(value).flatMap(([key, member]) => placesIn(member, [...way, key]))];
}

function edit(value: unknown, [key, ...rest]: Way, other: unknown, how: string): unknown {
  if (key === undefined || typeof value !== 'object' || value === null) return other;
  const members = Object.entries(value).flatMap(([name, member]): [string, unknown][] => {
    if (name !== key) return [[name, member]];
    if (rest.length > 0) return [[name, edit(member, rest, other, how)]];
    if (how === 'remove') return [];
    return how === 'double'
      ? [
          [name, member],
          [`${name}2`, member],
        ]
      : [[name, other]];
  });
  return Array.isArray(value) ? members.map(([, member]) => member) : Object.fromEntries(members);
}
