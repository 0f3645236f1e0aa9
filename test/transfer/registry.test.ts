/** Images through a real registry: what travels is counted by the registry itself. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { parseReference } from '../../src/oci/reference.ts';
import type { Repository } from '../../src/oci/repository.ts';
import type { Store } from '../../src/store/store.ts';
import type { TransferEvent } from '../../src/transfer/events.ts';
import { openRepository } from '../../src/transfer/open-repository.ts';
import { copyImage } from '../../src/transfer/copy-image.ts';
import { pullImage } from '../../src/transfer/pull-image.ts';
import { pushImage } from '../../src/transfer/push-image.ts';
import { LayerSender } from '../../src/transfer/send-layers.ts';
import { imageOf } from '../store/descriptions.ts';
import { MemoryRepository } from '../support/memory-repository.ts';
import { describeWith } from '../support/needs.ts';
import {
  REGISTRY_NEEDS,
  startRegistry,
  type RegistryLogLine,
  type TestRegistry,
} from '../support/registry.ts';
import {
  expectSameLayers,
  filesOf,
  ioFor,
  keepImage,
  makeImage,
  makeLayer,
  MIB,
  PLATFORM,
  testStore,
  type TestIo,
} from './support.ts';

describeWith(REGISTRY_NEEDS, 'a real registry', () => {
  let registry: TestRegistry;
  const opened: Repository[] = [];

  beforeAll(async () => {
    registry = await startRegistry();
  });

  afterAll(async () => {
    for (const repository of opened) await repository.close();
    await registry.stop();
  });

  async function repositoryOf(name: string): Promise<Repository> {
    const location = { kind: 'registry', reference: parseReference(`${registry.host}/${name}`) } as const;
    const repository = await openRepository(location, {
      env: registry.env,
      signal: new AbortController().signal,
    });
    opened.push(repository);
    return repository;
  }

  /** What the registry was asked while something happened. */
  async function asked(action: () => Promise<unknown>): Promise<RegistryLogLine[]> {
    // It writes to its log a moment after it has answered.
    await sleep(200);
    const before = registry.requests().length;
    await action();
    await sleep(200);
    return registry.requests().slice(before);
  }

  const summary = (lines: readonly RegistryLogLine[]): string[] =>
    lines.map(({ method, status }) => `${method} ${status}`).filter((line) => line !== 'GET 401');

  test('gives back what was pushed; pushing again is one HEAD, under another tag HEADs and the tag', async () => {
    const [here, there] = [await testStore(), await testStore()];
    const image = await makeImage(here, { bytes: 3 * MIB });
    const target = await repositoryOf('team/web');
    const digest = await pushImage({ image, target, tag: '1' }, ioFor(here));
    const name = `${registry.host}/team/web:1`;
    const pull = { repository: target, reference: '1', name, platform: PLATFORM };
    expect(await pullImage(pull, ioFor(there))).toMatchObject({ digest, id: image.id });
    expectSameLayers(here, there, image.config.layers);
    expect(summary(await asked(() => pushImage({ image, target, tag: '1' }, ioFor(here))))).toEqual([
      'HEAD 200',
    ]);
    const retagged = summary(await asked(() => pushImage({ image, target, tag: '2' }, ioFor(here))));
    expect(retagged.sort()).toEqual(['HEAD 404', ...Array<string>(4).fill('HEAD 200'), 'PUT 201'].sort());
    expect(summary(await asked(() => pullImage(pull, ioFor(there))))).toEqual(['HEAD 200']);
  });

  test('gets only the layer that changed, and little besides', async () => {
    const store = await testStore();
    const image = await makeImage(store, { bytes: MIB });
    const target = await repositoryOf('team/changed');
    await pushImage({ image, target, tag: '1' }, ioFor(store));
    const [, ...below] = image.config.layers;
    const leaf = await makeLayer(store, 99, { parent: below[0], bytes: 2 * MIB });
    const next = await keepImage(store, imageOf([leaf, ...below], 'next'), 'next');
    const io = ioFor(store);
    const lines = await asked(() => pushImage({ image: next, target, tag: '1' }, io));
    expect(lines.filter(({ method }) => method === 'POST')).toHaveLength(2);
    const leafBytes = (await store.layerForm(leaf))!.blobs[0].sizeBytes;
    expect(io.movedBytes() - leafBytes).toBeLessThan(64 * 1024);
  });

  test('hands blobs over between its repositories', async () => {
    const store = await testStore();
    const image = await makeImage(store, { seed: 500, bytes: MIB });
    const [one, two] = [await repositoryOf('team/one'), await repositoryOf('team/two')];
    await pushImage({ image, target: one, tag: '1' }, ioFor(store));
    const io = ioFor(store);
    await pushImage({ image, target: two, tag: '1' }, io);
    const ends = io.events.filter((event) => event.type === 'blob-end' && event.label !== 'config');
    expect(ends.map((event) => event.type === 'blob-end' && event.status)).toEqual([
      'mounted',
      'mounted',
      'mounted',
    ]);
    const three = await repositoryOf('team/three');
    const copying = ioFor(store);
    await copyImage({ from: one, reference: '1', to: three, tag: '1', platform: 'all' }, copying);
    expect(copying.movedBytes()).toBe(0);
    expect(await three.resolve('1')).toEqual(await one.resolve('1'));
  });

  test('takes what another repository was thought to have and has not, packed as it was or otherwise', async () => {
    const [here, there] = [await testStore(), await testStore()];
    const image = await makeImage(here, { seed: 700, bytes: MIB });
    const forms = await new LayerSender(new MemoryRepository(), ioFor(here)).send(image.config.layers);
    const ghost = `${registry.host}/team/ghost`;
    for (const [index, { id, form }] of forms.entries()) {
      const [blob] = form.blobs;
      // Of the first one other bytes were made once, by another zstd.
      const made = index === 0 ? { ...form, blobs: [{ ...blob, digest: digestOf('other bytes') }] } : form;
      await here.rememberForm(id, made, ghost);
    }
    const target = await repositoryOf('team/thought');
    await pushImage({ image, target, tag: '1' }, ioFor(here));
    await pullImage({ repository: target, reference: '1', name: 'web', platform: PLATFORM }, ioFor(there));
    expectSameLayers(here, there, image.config.layers);
    expect(filesOf(here).filter((name) => /^run|unfinished/.test(name))).toEqual([]);
  });

  test('ends a push and a pull when it is told to, leaving nothing half done', async () => {
    const [here, there] = [await testStore(), await testStore()];
    const image = await makeImage(here, { seed: 900, bytes: 3 * MIB });
    const target = await repositoryOf('team/stopped');
    const stopAt = async (
      type: string,
      run: (io: TestIo) => Promise<unknown>,
      store: Store,
    ): Promise<void> => {
      const stop = new AbortController();
      const io = ioFor(store, { signal: stop.signal });
      const onEvent = (event: TransferEvent): void => {
        io.onEvent(event);
        if (event.type === type) stop.abort();
      };
      await expect(run({ ...io, onEvent })).rejects.toMatchObject({ code: 'INTERRUPTED' });
      expect(io.events.at(-1)).toMatchObject({ type: 'transfer-end', status: 'cancelled' });
    };
    const push = { image, target, tag: '1' };
    const pull = { repository: target, reference: '1', name: 'web', platform: PLATFORM };
    for (const type of ['transfer-start', 'blob-start', 'blob-end']) {
      await stopAt(type, (io) => pushImage(push, io), here);
      expect(await target.resolve('1')).toBeUndefined();
    }
    await pushImage(push, ioFor(here));
    for (const type of ['transfer-start', 'blob-start', 'blob-end']) {
      await stopAt(type, (io) => pullImage(pull, io), there);
      expect(await there.listImages()).toEqual([]);
      expect(filesOf(there).filter((name) => name.includes('unfinished'))).toEqual([]);
    }
    await pullImage(pull, ioFor(there));
    expectSameLayers(here, there, image.config.layers);
  });
});
