import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, afterEach, expect, test, vi } from 'vitest';
import { REGISTRY_NEEDS, startRegistry, type TestRegistry } from '../support/registry.ts';
import { describeWith } from '../support/needs.ts';
import { BUILD_NEEDS, SHELL, Yard, type Built } from './building.ts';

const RECIPE = `${SHELL}RUN echo one >/one
COPY two /two
ENV THREE=3
RUN echo three $THREE >/three
CMD ["/bin/sh"]
`;

const STAGES = `${SHELL.replace('FROM scratch', 'FROM scratch AS tools')}RUN mkdir /made && date +%N >/made/now
FROM scratch
COPY --from=tools /made /made
COPY two /two
`;

describeWith([...BUILD_NEEDS, ...REGISTRY_NEEDS], 'a build with a cache in a registry', () => {
  let registry: TestRegistry;
  let yards: Yard[] = [];
  let ref: string;
  let count = 0;

  beforeAll(async () => {
    registry = await startRegistry();
  });
  afterAll(() => registry.stop());
  beforeEach(() => {
    ref = `type=registry,ref=${registry.host}/cache${++count}`;
  });
  afterEach(() => {
    vi.unstubAllEnvs();
    for (const yard of yards) yard.remove();
    yards = [];
  });

  /** A machine that has never seen the project. */
  function machine(): Yard {
    const yard = new Yard();
    yards.push(yard);
    yard.writeBusybox();
    yard.write({ two: 'two\n' });
    return yard;
  }

  function layerFiles(yard: Yard): string[] {
    return readdirSync(path.join(yard.home, 'layers')).filter((name) => name.endsWith('.vhdx'));
  }

  function origins({ events }: Built): (string | undefined)[] {
    return events.flatMap((event) => (event.type === 'step-end' ? [event.origin] : []));
  }

  function warnings({ events }: Built): string[] {
    return events.flatMap((event) => (event.type === 'warning' ? [event.message] : []));
  }

  function statuses({ events }: Built): string[] {
    return events.flatMap((event) => (event.type === 'step-end' ? [event.status] : []));
  }

  test('finds every step that another machine built, and makes the same image of them', async () => {
    const [first, second] = [machine(), machine()];
    const built = await first.build(RECIPE, { tags: ['web'], cacheTo: [`${ref},mode=max`] });
    const found = await second.build(RECIPE, { tags: ['web'], cacheFrom: [ref] });
    expect(statuses(found)).toEqual(statuses(found).map(() => 'cached'));
    expect(origins(found)).toEqual(origins(found).map(() => 'registry'));
    expect(found.image.id).toBe(built.image.id);
    for (const { id } of built.image.layers) {
      const [ours, theirs] = [first, second].map((yard) =>
        readFileSync(path.join(yard.home, 'layers', `${id}.vhdx`)),
      );
      expect(ours.equals(theirs)).toBe(true);
    }
    await second.inside('web', (root) => {
      expect(readFileSync(path.join(root, 'three'), 'utf8')).toBe('three 3\n');
    });
    // What was fetched is in the store's own cache now.
    const again = await second.build(RECIPE, { tags: ['web'] });
    expect(origins(again).every((origin) => origin === undefined)).toBe(true);
    expect(statuses(again).every((status) => status === 'cached')).toBe(true);
  });

  test('fetches no layer at all when only a pushed tag is asked for', async () => {
    const [first, second, third] = [machine(), machine(), machine()];
    const built = await first.build(RECIPE, { cacheTo: [ref] });
    const name = `${registry.host}/web${count}:1`;
    const found = await second.build(RECIPE, { tags: [name], cacheFrom: [ref], push: true });
    expect(layerFiles(second)).toEqual([]);
    expect(found.image).toMatchObject({ id: built.image.id, isElsewhere: true });
    expect(found.pushed?.map((pushed) => pushed.name)).toEqual([name]);
    const used = await third.build(`FROM ${name}\nRUN cat /one /two /three`);
    expect(statuses(used)).toEqual(['cached', 'done']);
  });

  test('copies from a stage that was built elsewhere without fetching it', async () => {
    const [first, second] = [machine(), machine()];
    await first.build(STAGES, { cacheTo: [`${ref},mode=max`] });
    const name = `${registry.host}/stages${count}:1`;
    const found = await second.build(STAGES, { tags: [name], cacheFrom: [ref], push: true });
    expect(statuses(found).every((status) => status === 'cached')).toBe(true);
    expect(layerFiles(second)).toEqual([]);
  });

  test('goes on from the deepest step that is there, fetching only what that needs', async () => {
    const [first, second] = [machine(), machine()];
    await first.build(RECIPE, { cacheTo: [ref] });
    const changed = RECIPE.replace('echo three', 'echo changed');
    const built = await second.build(changed, { tags: ['web'], cacheFrom: [ref] });
    expect(statuses(built).at(-1)).toBe('done');
    expect(
      statuses(built)
        .slice(0, -1)
        .every((status) => status === 'cached'),
    ).toBe(true);
    await second.inside('web', (root) => {
      expect(readFileSync(path.join(root, 'three'), 'utf8')).toBe('changed 3\n');
    });
  });

  test('exports only what is new, and leaves equal records alone', async () => {
    const yard = machine();
    await yard.build(RECIPE, { cacheTo: [ref] });
    const before = registry.requests().length;
    await yard.build(RECIPE, { cacheTo: [ref] });
    const methods = registry
      .requests()
      .slice(before)
      .map(({ method }) => method);
    expect([...new Set(methods)]).toEqual(['HEAD']);
  });

  test('is built without the cache, after one warning, when a layer in it is damaged', async () => {
    const [first, second] = [machine(), machine()];
    await first.build(RECIPE, { cacheTo: [ref] });
    spoilBlobs(registry);
    const built = await second.build(RECIPE, { tags: ['web'], cacheFrom: [ref] });
    expect(warnings(built).filter((text) => text.startsWith('cache '))).toHaveLength(1);
    await second.inside('web', (root) => {
      expect(readFileSync(path.join(root, 'three'), 'utf8')).toBe('three 3\n');
    });
    expect(second.strayLayers()).toEqual([]);
  });

  test('is built without the cache, after one warning, when its host is down', async () => {
    const yard = machine();
    const gone = await startRegistry();
    await gone.stop();
    const nowhere = `type=registry,ref=${gone.host}/cache`;
    const built = await yard.build(RECIPE, { cacheFrom: [nowhere], cacheTo: [nowhere] });
    expect(warnings(built).filter((text) => text.startsWith('cache '))).toHaveLength(2);
    expect(statuses(built)).not.toContain('failed');
  });

  test('takes its steps from the pushed image itself (inline)', async () => {
    const [first, second] = [machine(), machine()];
    const name = `${registry.host}/inline${count}:1`;
    const built = await first.build(RECIPE, { tags: [name], push: true, cacheTo: ['type=inline'] });
    const found = await second.build(RECIPE, { cacheFrom: [`type=registry,ref=${name}`] });
    expect(found.image.id).toBe(built.image.id);
    expect(statuses(found).every((status) => status === 'cached')).toBe(true);
  });

  test('finds its steps in a folder that another build filled', async () => {
    const [first, second] = [machine(), machine()];
    const folder = path.join(first.folder, 'cache');
    await first.build(RECIPE, { cacheTo: [`type=local,dest=${folder}`] });
    const found = await second.build(RECIPE, { cacheFrom: [`type=local,src=${folder}`] });
    expect(origins(found).every((origin) => origin === 'local')).toBe(true);
  });

  test('takes its caches from the project file and from the environment', async () => {
    const [first, second] = [machine(), machine()];
    first.write({
      '.hyperfile.json': JSON.stringify({ cache: { to: [ref] } }),
      '.dockerignore': '.hyperfile.json\n',
    });
    await first.build(RECIPE);
    vi.stubEnv('HYPERFILE_CACHE_FROM', ref);
    second.write({ '.dockerignore': '.hyperfile.json\n' });
    expect(origins(await second.build(RECIPE)).every((origin) => origin === 'registry')).toBe(true);
  });

  test('is shared by ten builds at once that all write to it', async () => {
    const machines = Array.from({ length: 10 }, machine);
    const small = (n: number) => `FROM scratch\nCOPY two /two\nCOPY own /own${n % 3}\n`;
    for (const [n, yard] of machines.entries()) yard.write({ own: `own ${n % 3}\n` });
    const results = await Promise.all(
      machines.map((yard, n) =>
        yard.build(small(n), { cacheFrom: [ref], cacheTo: [`${ref},ignore-error=false`] }),
      ),
    );
    expect(results.flatMap(warnings)).toEqual([]);
    for (const n of [0, 1, 2]) {
      const fresh = machine();
      fresh.write({ own: `own ${n}\n` });
      const found = await fresh.build(small(n), { cacheFrom: [ref] });
      expect(origins(found).every((origin) => origin === 'registry')).toBe(true);
    }
  });

  test('says under --explain where each step came from, and why one had to run', async () => {
    const [first, second] = [machine(), machine()];
    await first.build(RECIPE, { cacheTo: [ref] });
    const { events } = await second.build(RECIPE.replace('echo one', 'echo eins'), {
      cacheFrom: [ref],
      explain: true,
    });
    const texts = events.flatMap((event) => (event.type === 'explain' ? [event.text] : []));
    expect(texts.filter((text) => text.includes(`registry cache ${registry.host}`)).length).toBeGreaterThan(
      2,
    );
    expect(texts.length).toBeGreaterThan(3);
  });
});

/** Changes a byte in the middle of every large blob that the registry keeps. */
function spoilBlobs(registry: TestRegistry): void {
  const blobs = path.join(registry.folder, 'data/docker/registry/v2/blobs/sha256');
  for (const entry of readdirSync(blobs, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    const bytes = readFileSync(file);
    if (bytes.readUInt32LE(0) !== 0xfd2fb528) continue;
    bytes[bytes.length >> 1] ^= 0xff;
    rmSync(file);
    writeFileSync(file, bytes);
  }
}
