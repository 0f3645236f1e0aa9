/** Every sample is built for real; what its README says of it is looked at in the image. */
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { BUILD_NEEDS, outputOf, Yard, type Built } from './build/building.ts';
import { lastingLeftovers } from './support/traces.ts';
import { describeWith } from './support/needs.ts';

const DISK_BYTES = 4 * 2 ** 30;
const SAMPLES = path.resolve(import.meta.dirname, '../samples');

test('every sample has a recipe, a page about itself, and a test here', () => {
  // The last one is built on Hyper-V: test/e2e/hyperv.test.ts.
  expect(readdirSync(SAMPLES).sort()).toEqual(['hello', 'multistage', 'web', 'windows-web']);
  for (const sample of readdirSync(SAMPLES)) {
    expect(existsSync(path.join(SAMPLES, sample, 'Hyperfile'))).toBe(true);
    expect(existsSync(path.join(SAMPLES, sample, 'README.md'))).toBe(true);
  }
});

describeWith([...BUILD_NEEDS, 'mmdebstrap'], 'the samples', () => {
  const yard = new Yard();

  /** Builds from a copy, so that a test may change it. */
  const buildSample = (name: string): Promise<Built> => {
    const contextPath = path.join(yard.context, name);
    cpSync(path.join(SAMPLES, name), contextPath, { recursive: true });
    const recipe = readFileSync(path.join(contextPath, 'Hyperfile'), 'utf8');
    return yard.build(recipe, { contextPath, tags: [name], diskSizeBytes: DISK_BYTES });
  };
  const config = async (name: string) => (await (await yard.store()).image(name)).config.config;

  afterAll(async () => {
    expect(await lastingLeftovers(yard.folder)).toEqual([]);
    expect(yard.strayLayers()).toEqual([]);
    yard.remove();
  });

  test('hello: files on an empty disk, with a static program when one is at hand', async () => {
    const bare = await buildSample('hello');
    await yard.inside('hello', (root) => {
      expect(readdirSync(root).sort()).toEqual(['lost+found', 'motd']);
    });
    yard.writeBusybox();
    cpSync(path.join(yard.context, 'busybox'), path.join(yard.context, 'hello/busybox'));
    const full = await buildSample('hello');
    expect(full.image.id).not.toBe(bare.image.id);
    const run = await yard.build(`FROM hello\nRUN ${JSON.stringify((await config('hello')).cmd)}\n`);
    expect(outputOf(run.events)).toBe('Hello from a layer that is a VHDX.\n');
  });

  test('web: Debian, nginx and a page; the second build is all cached, a new page runs only what follows it', async () => {
    const first = await buildSample('web');
    expect(first.image.layers).toHaveLength(5);
    expect(outputOf(first.events)).toContain('test is successful');
    expect(await config('web')).toMatchObject({
      exposedPorts: ['80/tcp'],
      cmd: ['nginx', '-g', 'daemon off;'],
    });
    await yard.inside('web', (root) => {
      expect(readFileSync(path.join(root, 'var/www/html/index.html'), 'utf8')).toContain('It works');
    });
    const second = await buildSample('web');
    expect(second.cachedSteps).toBe(4);
    expect(second.image.id).toBe(first.image.id);
    yard.write({ 'web/site/index.html': 'changed' });
    const recipe = readFileSync(path.join(SAMPLES, 'web/Hyperfile'), 'utf8');
    const third = await yard.build(recipe, {
      contextPath: path.join(yard.context, 'web'),
      diskSizeBytes: DISK_BYTES,
    });
    expect(third.steps.slice(2)).toEqual(['COPY site/ /var/www/html/ done', 'RUN nginx -t done']);
  });

  test('multistage: a program compiled in Debian runs alone on its disk', async () => {
    const built = await buildSample('multistage');
    expect(outputOf(built.events)).toContain('Hello from a disk that holds one program.\n');
    expect(built.steps).toContain('FROM debootstrap://bookworm AS build cached');
    expect(built.image.layers).toHaveLength(3);
    await yard.inside('multistage', (root) => {
      expect(readdirSync(root).sort()).toEqual(['hello', 'lost+found']);
    });
  });
});
