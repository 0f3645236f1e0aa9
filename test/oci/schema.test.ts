/** What we write, judged by the schemas of the OCI image specification. */
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { openLayout } from '../../src/oci/layout.ts';
import { encodeCacheRecord, encodeImage } from '../../src/oci/image-artifact.ts';
import { indexManifest } from '../../src/oci/manifest.ts';
import { cacheRecord, image } from './arbitraries.ts';
import { makeContainerImage, pushContainer } from './container-image.ts';
import { useScratch } from './scratch.ts';

/** The part of ajv 6 that is used here; it is there because the linter needs it. */
interface Ajv {
  addMetaSchema(schema: object): void;
  addSchema(schema: object, key: string): void;
  validate(key: string, value: unknown): boolean;
  errorsText(): string;
}

const inScratch = useScratch();
const load = createRequire(import.meta.url);
const judge = makeJudge();

function makeJudge(): Ajv {
  const Validator = load('ajv') as new (options: object) => Ajv;
  const ajv = new Validator({ schemaId: 'id', meta: false, logger: false });
  ajv.addMetaSchema(load('ajv/lib/refs/json-schema-draft-04.json') as object);
  const folder = path.join(import.meta.dirname, '../fixtures/oci-schema');
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.json'))) {
    const schema = JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as object;
    // They name each other as files side by side, which their ids would turn into addresses that nobody answers.
    const flat = JSON.parse(
      JSON.stringify(schema, (key, value: unknown) => (key === 'id' ? undefined : value)),
    ) as object;
    ajv.addSchema(flat, name);
  }
  return ajv;
}

function expectValid(schema: string, text: Uint8Array | string): void {
  const isValid = judge.validate(`${schema}.json`, JSON.parse(Buffer.from(text).toString()));
  expect(isValid, isValid ? '' : judge.errorsText()).toBe(true);
}

test('the judge knows wrong from right', () => {
  expect(judge.validate('image-manifest-schema.json', { schemaVersion: 2, layers: [] })).toBe(false);
  expect(judge.validate('image-layout-schema.json', {})).toBe(false);
  const descriptor = { mediaType: 'a/b', size: 1, digest: 'sha256:0' };
  const manifest = { schemaVersion: 2, config: descriptor, layers: [descriptor] };
  expect(judge.validate('image-manifest-schema.json', manifest)).toBe(true);
  for (const wrong of [{ mediaType: 'a' }, { digest: 'x' }, { size: -1 }, { annotations: { a: 1 } }])
    for (const spoilt of [{ config: { ...descriptor, ...wrong } }, { layers: [{ ...descriptor, ...wrong }] }])
      expect(judge.validate('image-manifest-schema.json', { ...manifest, ...spoilt })).toBe(false);
});

test('manifests of images and cache records are valid', () => {
  fc.assert(
    fc.property(image, cacheRecord, ({ config, layers }, record) => {
      for (const { manifest } of [encodeImage(config, layers), encodeCacheRecord(record)])
        expectValid('image-manifest-schema', manifest.bytes);
    }),
  );
});

test('an index and its descriptors are valid', async () => {
  const { manifest } = await makeContainerImage([{ a: '1' }]);
  const platform = { os: 'windows', architecture: 'amd64', variant: 'v1', 'os.version': '10.0.1' };
  const index = indexManifest([
    { ...manifest.descriptor, platform, artifactType: 'a/b', annotations: { a: 'b' } },
  ]);
  expectValid('image-index-schema', index.bytes);
  expectValid('content-descriptor', JSON.stringify(index.descriptor));
});

test('a layout is valid', async () => {
  const layout = openLayout(inScratch('l'), { create: true });
  await pushContainer(await makeContainerImage([{ a: '1' }]), layout, 'web');
  expectValid('image-layout-schema', readFileSync(inScratch('l/oci-layout')));
  expectValid('image-index-schema', readFileSync(inScratch('l/index.json')));
});
