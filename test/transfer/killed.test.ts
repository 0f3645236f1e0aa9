/** Processes that are killed on the way: the next one goes on and comes to the same end. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseReference } from '../../src/oci/reference.ts';
import type { Repository } from '../../src/oci/repository.ts';
import { Store } from '../../src/store/store.ts';
import { openRepository } from '../../src/transfer/open-repository.ts';
import { pushImage } from '../../src/transfer/push-image.ts';
import { describeWith } from '../support/needs.ts';
import { REGISTRY_NEEDS, startRegistry, type TestRegistry } from '../support/registry.ts';
import { expectSameLayers, filesOf, ioFor, makeImage, MIB, testFolder, testStore } from './support.ts';

interface Ended {
  readonly killed: boolean;
  /** How many things happened on the way of a process that was not killed. */
  readonly happened: number;
}

describeWith(REGISTRY_NEEDS, 'a process killed anywhere on the way of', () => {
  let registry: TestRegistry;

  beforeAll(async () => {
    registry = await startRegistry();
  });

  afterAll(() => registry.stop());

  function ship(action: 'push' | 'pull', root: string, name: string, killAt = 0, countFile = '/dev/null') {
    const script = path.join(import.meta.dirname, 'ship.ts');
    return new Promise<Ended>((resolve, reject) => {
      const args = [script, action, root, name, String(killAt), countFile];
      const child = spawn(process.execPath, args, { env: { ...process.env, ...registry.env } });
      const output = { stdout: '', stderr: '' };
      for (const name of ['stdout', 'stderr'] as const)
        child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text));
      child.on('close', (status, signal) => {
        if (signal === 'SIGKILL') resolve({ killed: true, happened: 0 });
        else if (status === 0) resolve({ killed: false, happened: Number(output.stdout) });
        else reject(new Error(output.stderr));
      });
    });
  }

  function repositoryOf(name: string): Promise<Repository> {
    const { signal } = new AbortController();
    return openRepository(
      { kind: 'registry', reference: parseReference(name) },
      { env: registry.env, signal },
    );
  }

  /** Points spread over a number of steps. */
  function pointsOf(steps: number, count: number): number[] {
    return Array.from({ length: count }, (_, index) => 1 + Math.floor((index * steps) / count));
  }

  test('a push leaves nothing under the tag, and the next one finishes it', async () => {
    const here = await testStore();
    const reference = `${registry.host}/killed/push:1`;
    const image = await makeImage(here, { name: reference, bytes: 2 * MIB });
    here.close();
    const trial = path.join(testFolder(), 'store');
    cpSync(here.root, trial, { recursive: true });
    const other = await testStore(trial);
    const otherName = `${registry.host}/killed/trial:1`;
    await other.tag(otherName, image.id);
    other.close();
    const { happened } = await ship('push', trial, otherName);
    const target = await repositoryOf(reference);
    for (const killAt of pointsOf(happened, 5)) {
      const { killed } = await ship('push', here.root, reference, killAt);
      if (!killed) break;
      const found = await target.resolve('1');
      if (found !== undefined) break;
    }
    await ship('push', here.root, reference);
    const store = await testStore(here.root);
    expect(filesOf(store).filter((name) => /unfinished|^run|^locks|^incoming/.test(name))).toEqual([]);
    const found = await target.resolve('1');
    expect(await pushImage({ image, target, tag: '1' }, ioFor(store))).toBe(found?.digest);
    await target.close();
  });

  test('a pull leaves no image, and the next one asks only for what had not arrived', async () => {
    const [here, folder] = [await testStore(), testFolder()];
    const reference = `${registry.host}/killed/pull:1`;
    const image = await makeImage(here, { name: reference, bytes: 6 * MIB });
    const target = await repositoryOf(reference);
    await pushImage({ image, target, tag: '1' }, ioFor(here));
    await target.close();
    const { happened } = await ship('pull', path.join(folder, 'trial'), reference);
    const root = path.join(folder, 'store');
    const sizes = await blobSizes(here, image.config.layers);
    let wasPartial = false;
    for (const killAt of pointsOf(happened, 4)) {
      const count = path.join(folder, `count-${killAt}`);
      const expected = await leftToFetch(root, sizes);
      const { killed } = await ship('pull', root, reference, killAt, count);
      if (!killed) expect(fetched(count)).toBe(expected);
      if (!killed) break;
      const store = await testStore(root);
      expect(await store.listImages()).toEqual([]);
      expect(filesOf(store).filter((name) => /unfinished/.test(name))).toEqual([]);
      store.close();
      wasPartial ||= readdirSync(root).includes('incoming') && parts(root).length > 0;
    }
    expect(wasPartial).toBe(true);
    const expected = await leftToFetch(root, sizes);
    const count = path.join(folder, 'count');
    await ship('pull', root, reference, 0, count);
    expect(fetched(count)).toBe(expected);
    const there = await testStore(root);
    expect((await there.image(reference)).id).toBe(image.id);
    expectSameLayers(here, there, image.config.layers);
    expect(parts(root)).toEqual([]);
    expect(await there.check()).toEqual([]);
  });
});

/** The digest and size of the only blob of each layer. */
async function blobSizes(
  store: Store,
  ids: readonly string[],
): Promise<Map<string, { digest: string; size: number }>> {
  const sizes = new Map<string, { digest: string; size: number }>();
  for (const id of ids) {
    const blob = (await store.layerForm(id))!.blobs[0];
    sizes.set(id, { digest: blob.digest, size: blob.sizeBytes });
  }
  return sizes;
}

/** How much of the layers that a store lacks has not arrived in it. */
async function leftToFetch(
  root: string,
  sizes: ReadonlyMap<string, { digest: string; size: number }>,
): Promise<number> {
  const store = await Store.open(root);
  let left = 0;
  for (const [id, { digest, size }] of sizes) {
    if ((await store.layer(id)) !== undefined) continue;
    const part = store.incomingPath(digest);
    left += size - (existsSync(part) ? statSync(part).size : 0);
  }
  store.close();
  return left;
}

function parts(root: string): string[] {
  return readdirSync(path.join(root, 'incoming')).filter((name) => /^[0-9a-f]{64}$/.test(name));
}

function fetched(countFile: string): number {
  if (!existsSync(countFile)) return 0;
  return readFileSync(countFile, 'utf8')
    .split('\n')
    .reduce((sum, line) => sum + Number(line), 0);
}
