import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Repository } from '../../src/oci/repository.ts';
import { createRegistryClient } from '../../src/registry/http-client.ts';
import { openRegistryRepository } from '../../src/registry/repository.ts';
import { describeWith } from '../support/needs.ts';
import { REGISTRY_NEEDS, startRegistry, type TestRegistry } from '../support/registry.ts';
import { collect, HASTY, makeBlob } from './blobs.ts';

const MIB = 1 << 20;

describeWith(REGISTRY_NEEDS, 'a repository behind a token service', () => {
  let registry: TestRegistry;

  beforeAll(async () => {
    registry = await startRegistry({ auth: 'token' });
  });

  beforeEach(() => Object.assign(registry.tokens!, { lifetimeSeconds: 300, tellsLifetime: true }));

  afterAll(() => registry.stop());

  async function using<T>(path: string, body: (repository: Repository) => Promise<T>): Promise<T> {
    const client = createRegistryClient(registry.host, { env: registry.env });
    const repository = openRegistryRepository(client, path, HASTY);
    try {
      return await body(repository);
    } finally {
      await repository.close();
    }
  }

  test('a push outlives its tokens', async () => {
    Object.assign(registry.tokens!, { lifetimeSeconds: 1, tellsLifetime: false });
    const blob = makeBlob(5 * MIB);
    const before = registry.tokens!.requests.length;
    async function* slowly(offset: number): AsyncGenerator<Uint8Array> {
      for await (const piece of blob.source.read(offset)) {
        if (offset + piece.length >= blob.bytes.length) await sleep(2500);
        offset += piece.length;
        yield piece;
      }
    }
    await using('team/slow', async (repository) => {
      await repository.pushBlob(blob.descriptor, { read: slowly });
      const { stream } = await repository.readBlob(blob.descriptor);
      expect((await collect(stream)).equals(blob.bytes)).toBe(true);
    });
    expect(registry.tokens!.requests.length).toBeGreaterThan(before + 1);
  });

  test('a blob is taken over from a neighbour with a token that is good for both', async () => {
    const blob = makeBlob(MIB);
    await using('team/one', (repository) => repository.pushBlob(blob.descriptor, blob.source));
    const mountFrom = [`${registry.host}/team/one`];
    const how = await using('team/two', (repository) =>
      repository.pushBlob(blob.descriptor, blob.source, { mountFrom }),
    );
    expect(how).toBe('mounted');
    expect(registry.tokens!.requests.at(-1)?.scopes.join(' ')).toMatch(
      /team\/two.*team\/one|team\/one.*team\/two/,
    );
  });

  test('whoever may not push is told so before a byte was read', async () => {
    const client = createRegistryClient(registry.host, { env: registry.strangersEnv });
    const repository = openRegistryRepository(client, 'team/one', HASTY);
    const { descriptor } = makeBlob(9 * MIB);
    const read = (): never => {
      throw new Error('nobody asked for it');
    };
    await expect(repository.pushBlob(descriptor, { read })).rejects.toMatchObject({
      code: expect.stringMatching(/^REGISTRY_(UNAUTHORIZED|DENIED)$/) as unknown,
    });
    await repository.close();
  });
});
