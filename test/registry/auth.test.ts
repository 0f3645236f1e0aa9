/** Real registries let the client in: open ones, with a password, with tokens that expire, over TLS. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { RegistryRequest } from '../../src/registry/client.ts';
import { createRegistryClient } from '../../src/registry/http-client.ts';
import { describeWith } from '../support/needs.ts';
import { REGISTRY_NEEDS, startRegistry, type TestRegistry } from '../support/registry.ts';

/** The server counts whole seconds: a token of one second may live for a thousandth of it. */
const LIFETIME_SECONDS = 3;
const PUSH = { repository: 'team/web', push: true };

const startUpload: RegistryRequest = {
  method: 'POST',
  url: '/v2/team/web/blobs/uploads/',
  scope: PUSH,
  accept: [202],
};
const headBlob: RegistryRequest = {
  method: 'HEAD',
  url: `/v2/team/web/blobs/sha256:${'0'.repeat(64)}`,
  scope: { repository: 'team/web' },
  accept: [200, 404],
};

async function statusOf(
  env: NodeJS.ProcessEnv,
  host: string,
  ...requests: RegistryRequest[]
): Promise<number[]> {
  const client = createRegistryClient(host, { env });
  try {
    const statuses: number[] = [];
    for (const request of requests) {
      const answer = await client.send(request);
      await answer.discard();
      statuses.push(answer.status);
    }
    return statuses;
  } finally {
    await client.close();
  }
}

for (const auth of ['open', 'password', 'token'] as const) {
  for (const tls of [false, true]) {
    describeWith(REGISTRY_NEEDS, `a registry with ${auth} access${tls ? ' over TLS' : ''}`, () => {
      let registry: TestRegistry;
      beforeAll(async () => {
        registry = await startRegistry({ auth, tls });
      });
      afterAll(() => registry.stop());

      test('lets those in that it knows', async () => {
        expect(await statusOf(registry.env, registry.host, startUpload, headBlob)).toEqual([202, 404]);
      });

      test('is asked nothing besides what is wanted, once it has said what it wants to see', async () => {
        const client = createRegistryClient(registry.host, { env: registry.env });
        await (await client.send(headBlob)).discard();
        // It writes to its log a moment after it has answered.
        await sleep(200);
        const before = registry.requests().length;
        for (let count = 0; count < 3; count++) await (await client.send(headBlob)).discard();
        await client.close();
        await sleep(200);
        expect(registry.requests().slice(before)).toEqual(
          Array.from({ length: 3 }, () => ({ method: 'HEAD', url: headBlob.url, status: 404 })),
        );
      });

      if (auth !== 'open')
        test('refuses strangers, who learn how to log in', async () => {
          await expect(statusOf(registry.strangersEnv, registry.host, startUpload)).rejects.toMatchObject({
            code: 'REGISTRY_UNAUTHORIZED',
            exitStatus: 6,
            hint: expect.stringContaining(`hyperfile login ${registry.host}`) as string,
          });
        });

      if (tls)
        test('is not trusted without its certificate', async () => {
          const empty = mkdtempSync(path.join(tmpdir(), 'no-certificates-'));
          const env = { ...registry.env, XDG_CONFIG_HOME: empty };
          await expect(statusOf(env, registry.host, headBlob)).rejects.toMatchObject({
            code: 'REGISTRY_TLS_UNTRUSTED',
            hint: expect.stringContaining(`certs.d/${registry.host}/ca.crt`) as string,
          });
          const told = { ...env, HYPERFILE_INSECURE_REGISTRIES: `other.example, ${registry.host}` };
          expect(await statusOf(told, registry.host, headBlob)).toEqual([404]);
          rmSync(empty, { recursive: true });
        });
    });
  }
}

describeWith(REGISTRY_NEEDS, 'tokens', () => {
  let registry: TestRegistry;
  beforeAll(async () => {
    registry = await startRegistry({ auth: 'token' });
  });
  afterAll(() => registry.stop());

  test('are asked for once for all that they allow', async () => {
    const client = createRegistryClient(registry.host, { env: registry.env });
    const before = registry.tokens!.requests.length;
    for (const request of [startUpload, headBlob, startUpload]) await (await client.send(request)).discard();
    await client.close();
    expect(registry.tokens!.requests.slice(before)).toEqual([
      { method: 'GET', scopes: ['repository:team/web:pull,push'], user: 'ada' },
    ]);
  });

  test('are asked for once by requests that come at the same time', async () => {
    const client = createRegistryClient(registry.host, { env: registry.env });
    await (await client.send(headBlob)).discard();
    const before = registry.tokens!.requests.length;
    const answers = await Promise.all(Array.from({ length: 8 }, () => client.send(startUpload)));
    for (const answer of answers) await answer.discard();
    await client.close();
    expect(registry.tokens!.requests).toHaveLength(before + 1);
  });

  test('name the repositories that a mount reads from', async () => {
    const scope = { ...PUSH, alsoPull: ['team/other'] };
    expect(await statusOf(registry.env, registry.host, { ...startUpload, scope })).toEqual([202]);
    expect(registry.tokens!.requests.at(-1)?.scopes).toEqual([
      'repository:team/other:pull',
      'repository:team/web:pull,push',
    ]);
  });

  test('let strangers pull where anybody may', async () => {
    expect(await statusOf(registry.strangersEnv, registry.host, headBlob)).toEqual([404]);
    expect(registry.tokens!.requests.at(-1)).not.toHaveProperty('user');
  });

  for (const tellsLifetime of [true, false])
    test(`are renewed in the middle of a push${tellsLifetime ? '' : ', even when nobody said how long they live'}`, async () => {
      Object.assign(registry.tokens!, { lifetimeSeconds: LIFETIME_SECONDS, tellsLifetime });
      const client = createRegistryClient(registry.host, { env: registry.env });
      const before = registry.tokens!.requests.length;
      const started = await client.send(startUpload);
      await started.discard();
      await sleep((LIFETIME_SECONDS + 0.5) * 1000);
      const patched = await client.send({
        method: 'PATCH',
        url: started.headers.location!,
        scope: PUSH,
        headers: { 'content-type': 'application/octet-stream' },
        body: Buffer.from('some bytes'),
        accept: [202],
      });
      await patched.discard();
      await client.close();
      Object.assign(registry.tokens!, { lifetimeSeconds: 300, tellsLifetime: true });
      expect(registry.tokens!.requests).toHaveLength(before + 2);
    });

  test('that expire while a stream is under way are renewed for the next request', async () => {
    Object.assign(registry.tokens!, { lifetimeSeconds: LIFETIME_SECONDS, tellsLifetime: false });
    const client = createRegistryClient(registry.host, { env: registry.env });
    const started = await client.send(startUpload);
    await started.discard();
    await sleep((LIFETIME_SECONDS + 0.5) * 1000);
    const stream: RegistryRequest = {
      method: 'PATCH',
      url: started.headers.location!,
      scope: PUSH,
      headers: { 'content-type': 'application/octet-stream' },
      body: async function* () {
        yield await Promise.resolve(Buffer.from('abc'));
      },
      bodyBytes: 3,
      accept: [202],
      retry: false,
    };
    await expect(client.send(stream)).rejects.toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' });
    const again = await client.send(stream);
    expect([again.status, again.headers.range]).toEqual([202, '0-2']);
    await again.discard();
    await client.close();
    Object.assign(registry.tokens!, { lifetimeSeconds: 300, tellsLifetime: true });
  });

  test('are got with an identity token by POST', async () => {
    registry.tokens!.refreshTokens.set('an-identity', 'ada');
    const auths = { [registry.host]: { identitytoken: 'an-identity' } };
    const env = { ...registry.strangersEnv, DOCKER_AUTH_CONFIG: JSON.stringify({ auths }) };
    expect(await statusOf(env, registry.host, startUpload)).toEqual([202]);
    expect(registry.tokens!.requests.at(-1)).toEqual({
      method: 'POST',
      grant: 'refresh_token',
      scopes: ['repository:team/web:pull,push'],
      user: 'ada',
    });
  });

  test('are refused to those with a wrong password, which no message shows', async () => {
    const password = 'not-the-password';
    const auths = { [registry.host]: { username: 'ada', password } };
    const env = { ...registry.strangersEnv, DOCKER_AUTH_CONFIG: JSON.stringify({ auths }) };
    const error = await statusOf(env, registry.host, startUpload).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' });
    const said = JSON.stringify([error, String(error), (error as Error).stack]);
    expect(said).not.toContain(password);
    expect(said).not.toContain(Buffer.from(`ada:${password}`).toString('base64'));
  });
});
