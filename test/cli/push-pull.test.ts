import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { has } from '../support/needs.ts';
import { describeWith } from '../support/needs.ts';
import { REGISTRY_NEEDS, startRegistry, type TestRegistry } from '../support/registry.ts';
import {
  eventsOf,
  hyperfile,
  imagesOf,
  movedBytes,
  newHost,
  output,
  withImage,
  type Host,
} from './transfer-hosts.ts';

let registry: TestRegistry;
beforeAll(async () => {
  if (REGISTRY_NEEDS.every(has)) registry = await startRegistry();
});
afterAll(() => registry?.stop());

let nextName = 0;
let name: string;
let here: Host;
let there: Host;
beforeEach(() => {
  if (!registry) return;
  name = `${registry.host}/team/web${nextName++}`;
  here = newHost(registry.env);
  there = newHost(registry.env);
});

describeWith(REGISTRY_NEEDS, 'push and pull', () => {
  test('bring the same image to another host, and print its digest when quiet', async () => {
    const id = await withImage(here, [`${name}:1.2`]);
    const digest = await output(here, `push -q ${name}:1.2`);
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}\n$/);
    expect(await output(there, `pull -q ${name}:1.2`)).toBe(digest);
    expect((await imagesOf(there)).get(`${name}:1.2`)).toBe(id);
    const pinned = `${name}@${digest.trim()}`;
    const third = newHost(registry.env);
    expect(await output(third, `pull -q ${pinned}`)).toBe(digest);
    expect([...(await imagesOf(third)).keys()]).toEqual([pinned]);
  });

  test('tell what moved, and move nothing twice', async () => {
    await withImage(here, [`${name}:latest`]);
    const first = await eventsOf(here, `push ${name}`);
    expect(first[0]).toMatchObject({ type: 'transfer-start', action: 'push', name: `${name}:latest` });
    expect(movedBytes(first)).toBeGreaterThan(1000);
    expect(movedBytes(await eventsOf(here, `push ${name}`))).toBe(0);
    expect(movedBytes(await eventsOf(there, `pull ${name}`))).toBeGreaterThan(1000);
    expect(movedBytes(await eventsOf(there, `pull ${name}`))).toBe(0);
  });

  test('end with the totals for people', async () => {
    await withImage(here, [`${name}:1`]);
    const { err, out } = await hyperfile(here, `push ${name}:1`);
    expect(out).toBe('');
    expect(err).toMatch(/^pushing .*\nlayer [0-9a-f]{12}: /);
    expect(err).toMatch(/\n\nPushed in [\d.]+s \(.* sent\)\nname {4}\S+:1\ndigest {2}sha256:[0-9a-f]{64}\n$/);
  });

  test('take all tags of a name with --all-tags', async () => {
    await withImage(here, [`${name}:1`, `${name}:2`, `${name}-other:3`]);
    expect((await output(here, `push -qa ${name}`)).split('\n')).toHaveLength(3);
    expect((await output(there, `tags ${name}`)).split('\n').sort()).toEqual(['', '1', '2']);
    const tags = JSON.parse(await output(there, `tags --format json ${name}`)) as string[];
    expect(tags.sort()).toEqual(['1', '2']);
    await output(there, `pull --all-tags ${name}`);
    const pulled = [...(await imagesOf(there)).keys()].filter((known) => !known.includes('@'));
    expect(pulled.sort()).toEqual([`${name}:1`, `${name}:2`]);
  });
});

describeWith(REGISTRY_NEEDS, 'inspect --remote', () => {
  test('shows manifest, config and layers with their sizes, and fetches no layer', async () => {
    const id = await withImage(here, [`${name}:1`]);
    const digest = (await output(here, `push -q ${name}:1`)).trim();
    const asked = registry.requests().length;
    const [image] = JSON.parse(await output(there, `inspect --remote ${name}:1`)) as Record<
      string,
      unknown
    >[];
    expect(image).toMatchObject({
      digest,
      kind: 'machine',
      config: { os: 'linux', layers: [expect.any(String), expect.any(String)] as unknown },
      layers: [{ sizeBytes: expect.any(Number) as unknown, blobs: [{}] }, {}],
      manifest: { schemaVersion: 2 },
    });
    const blobs = registry
      .requests()
      .slice(asked)
      .filter(({ url }) => url.includes('/blobs/'));
    expect(blobs).toHaveLength(1);
    const raw = await output(there, `inspect --remote --raw ${name}:1`);
    const { digestOf } = await import('../../src/oci/digest.ts');
    expect(digestOf(raw)).toBe(digest);
    expect(id).not.toBe(digest);
  });

  test('shows the images of an index, and the one for a platform', async () => {
    await withImage(here, [`${name}:amd64`]);
    const digest = (await output(here, `push -q ${name}:amd64`)).trim();
    const index = (await output(here, `index -q ${name}:all ${name}:amd64`)).trim();
    expect(JSON.parse(await output(here, `inspect --remote ${name}:all`))).toMatchObject([
      { digest: index, kind: 'index', images: [{ digest, platform: { architecture: 'amd64' } }] },
    ]);
    const asked = `inspect --remote --platform linux/x86_64 ${name}:all`;
    expect(JSON.parse(await output(here, asked))).toMatchObject([{ digest, kind: 'machine' }]);
    expect(await output(there, `pull -q ${name}:all --platform linux/amd64`)).toBe(`${index}\n`);
    const wrong = await hyperfile(there, `pull ${name}:all --platform linux/s390x`);
    expect(wrong).toMatchObject({ status: 6 });
    expect(wrong.err).toContain('linux/s390x');
  });
});

describeWith(REGISTRY_NEEDS, 'an index', () => {
  test('keeps what it lists with --append, and copies what is elsewhere', async () => {
    await withImage(here, [`${name}:a`, `${name}-far:b`]);
    await output(here, `push -q ${name}:a`);
    const other = newHost(registry.env);
    await withImage(other, [`${name}-far:b`], 7);
    await output(other, `push -q ${name}-far:b`);
    await output(here, `index ${name}:all ${name}:a`);
    await output(here, `index --append ${name}:all ${name}-far:b`);
    const [{ images }] = JSON.parse(await output(here, `inspect --remote ${name}:all`)) as [
      { images: unknown[] },
    ];
    expect(images).toHaveLength(2);
  });
});

describeWith(REGISTRY_NEEDS, 'what a registry does not have or allow', () => {
  test.each([
    ['pull NAME:missing', 6, 'has no image "missing"'],
    ['pull -a NAME', 6, ''],
    ['tags NAME', 6, ''],
    ['inspect --remote NAME', 6, ''],
    ['copy NAME oci:layout', 6, ''],
    ['push NAME', 1, 'there is no image'],
    ['push -a NAME', 1, 'there is no image'],
    ['index NAME:all NAME:missing', 6, ''],
  ])('%s: says so and ends with status %d', async (line, status, message) => {
    const ran = await hyperfile(here, line.replaceAll('NAME', name));
    expect(ran.status, ran.err).toBe(status);
    expect(ran.err).toContain(message);
    expect(ran.err).toMatch(/^ {2}hint: {2}\S/m);
  });

  test('comes as one line of JSON where events do', async () => {
    const { status, out, err } = await hyperfile(here, `pull --format json ${name}:missing`);
    const last = out.trimEnd().split('\n').at(-1) ?? '';
    expect(JSON.parse(last)).toMatchObject({ type: 'error', exitStatus: 6 });
    expect({ status, err }).toEqual({ status: 6, err: '' });
  });
});
