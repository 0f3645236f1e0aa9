/** The client against servers that answer badly, slowly, elsewhere or not at all. */
import fc from 'fast-check';
import { createServer, type AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import type { RegistryRequest } from '../../src/registry/client.ts';
import { createRegistryClient, type RegistryClientOptions } from '../../src/registry/http-client.ts';
import { SILENCES } from '../../src/registry/transport.ts';
import { json, scriptedServer } from './scripted-server.ts';

const QUICK = { attempts: 4, firstPauseMs: 1, longestPauseMs: 4, totalMs: 5000 };
const GET: RegistryRequest = {
  method: 'GET',
  url: '/v2/team/web/manifests/latest',
  scope: { repository: 'team/web' },
  accept: [200],
};
/** No credentials of whoever runs the tests. */
const ENV = { DOCKER_CONFIG: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent' };

function client(host: string, options: Partial<RegistryClientOptions> = {}) {
  return createRegistryClient(host, { env: ENV, retries: QUICK, ...options });
}

async function ask(
  host: string,
  request: Partial<RegistryRequest> = {},
  options: Partial<RegistryClientOptions> = {},
) {
  const one = client(host, options);
  try {
    const answer = await one.send({ ...GET, ...request });
    return { status: answer.status, url: answer.url, text: Buffer.from(await answer.bytes(1000)).toString() };
  } finally {
    await one.close();
  }
}

describe('an answer', () => {
  test.each([
    [401, 'REGISTRY_UNAUTHORIZED'],
    [403, 'REGISTRY_DENIED'],
    [404, 'REGISTRY_NOT_FOUND'],
    [405, 'REGISTRY_FAILED'],
    [429, 'REGISTRY_RATE_LIMITED'],
    [503, 'REGISTRY_FAILED'],
    [302, 'REGISTRY_FAILED'],
  ])('of status %i that is not accepted becomes %s, with what the registry says', async (status, code) => {
    const message = `no \u001b[31mway\u0007\r\n${'x'.repeat(5000)}`;
    await using server = await scriptedServer((_, response) =>
      json(
        response,
        status,
        { errors: [{ code: 'SOME_CODE', message }] },
        { 'WWW-Authenticate': 'Basic realm=x' },
      ),
    );
    const error = (await ask(server.host).catch((caught: unknown) => caught)) as Error;
    expect(error).toMatchObject({ code, exitStatus: 6 });
    expect(error.message).toContain('SOME_CODE: no [31mway');
    expect(error.message).not.toMatch(/\p{Cc}/u);
    expect(error.message.length).toBeLessThan(500);
  });

  test('is given as it is when its status is accepted, whatever it is', async () => {
    await using server = await scriptedServer((_, response) => json(response, 503, {}));
    expect(await ask(server.host, { accept: [503] })).toMatchObject({ status: 503 });
    expect(server.asked).toHaveLength(1);
  });

  test('is read up to a limit', async () => {
    await using server = await scriptedServer((_, response) => void response.end('x'.repeat(1001)));
    await expect(ask(server.host)).rejects.toMatchObject({ code: 'REGISTRY_ANSWER_TOO_LARGE' });
  });

  test('that nobody reads does not keep the connection from being used again', async () => {
    const ports = new Set<number | undefined>();
    await using server = await scriptedServer((_, response) => {
      ports.add(response.socket?.remotePort);
      response.end('x'.repeat(1000));
    });
    const one = client(server.host);
    for (let count = 0; count < 3; count++) await (await one.send(GET)).discard();
    await one.close();
    expect(ports.size).toBe(1);
  });

  test('of rubbish is an error, never a crash', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const server = createServer((socket) =>
          socket
            .on('error', () => undefined)
            .resume()
            .end(bytes),
        );
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
        const retries = { ...QUICK, attempts: 1 };
        await expect(ask(host, {}, { retries })).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
        await new Promise((resolve) => server.close(resolve));
      }),
      { numRuns: 30 },
    );
  });
});

describe('a request', () => {
  test('is sent again after failures that may pass, with its body', async () => {
    const failures = [429, 500, 502, 503];
    await using server = await scriptedServer((_, response, count) => {
      const status = failures[count - 1];
      if (status === undefined) response.writeHead(201).end('done');
      else json(response, status, {}, { 'Retry-After': '0' });
    });
    const retries = { ...QUICK, attempts: 5 };
    const body = Buffer.from('the body');
    expect(await ask(server.host, { method: 'PUT', body, accept: [201] }, { retries })).toMatchObject({
      text: 'done',
    });
    expect(server.asked.map((one) => one.body)).toEqual(Array.from({ length: 5 }, () => 'the body'));
  });

  test('is sent again after a connection that broke', async () => {
    await using server = await scriptedServer((_, response, count) => {
      if (count < 3) response.destroy();
      else response.end('done');
    });
    expect(
      await ask(server.host, { accept: [200] }, { env: { ...ENV, HYPERFILE_INSECURE_REGISTRIES: '' } }),
    ).toMatchObject({
      text: 'done',
    });
  });

  test('shows its credentials however the host is written', async () => {
    await using server = await scriptedServer(({ headers }, response) => {
      if (headers.authorization === 'Bearer mine') response.end('in');
      else json(response, 401, {}, { 'WWW-Authenticate': 'Bearer realm="http://127.0.0.1:1/"' });
    });
    const credentials = { kind: 'registry-token', token: 'mine' } as const;
    const host = server.host.replace('127.0.0.1', 'LocalHost');
    expect(await ask(host, {}, { credentials })).toMatchObject({ text: 'in' });
  });

  test('that must not be sent twice is not', async () => {
    await using server = await scriptedServer((_, response) => json(response, 503, {}));
    await expect(ask(server.host, { retry: false })).rejects.toMatchObject({ code: 'REGISTRY_FAILED' });
    expect(server.asked).toHaveLength(1);
  });

  test('does not wait longer for its turn than it is worth, and says how long that would be', async () => {
    await using server = await scriptedServer((_, response) =>
      json(response, 429, {}, { 'Retry-After': '3600' }),
    );
    await expect(ask(server.host)).rejects.toMatchObject({
      code: 'REGISTRY_RATE_LIMITED',
      hint: 'It says when to try again: in 3600 s.',
      data: { retryAfterSeconds: 3600 },
    });
    expect(server.asked).toHaveLength(1);
  });

  test('is given up when the server keeps silent, before its answer or in it', async () => {
    const silences = { ...SILENCES, answerMs: 200, bodyMs: 200 };
    const retries = { ...QUICK, attempts: 2 };
    await using silent = await scriptedServer(() => undefined);
    await expect(ask(silent.host, {}, { silences, retries })).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringContaining('did not answer in time') as string,
    });
    await using stalled = await scriptedServer((_, response) => {
      response.writeHead(200, { 'Content-Length': '100' });
      response.write('a piece');
    });
    await expect(ask(stalled.host, {}, { silences, retries })).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      message: expect.stringContaining('stopped in the middle') as string,
    });
  });

  test('ends when it is interrupted, at every stage', async () => {
    for (const stage of ['before', 'waiting', 'reading'] as const) {
      const stop = new AbortController();
      await using server = await scriptedServer((_, response) => {
        if (stage === 'reading') response.writeHead(200).write('a piece');
        setTimeout(() => stop.abort(), 50);
      });
      if (stage === 'before') stop.abort();
      await expect(ask(server.host, { signal: stop.signal })).rejects.toMatchObject({ code: 'INTERRUPTED' });
      await using other = await scriptedServer((_, response) =>
        json(response, 503, {}, { 'Retry-After': '60' }),
      );
      const all = AbortSignal.timeout(50);
      await expect(
        ask(other.host, {}, { signal: all, retries: { ...QUICK, totalMs: 1e6 } }),
      ).rejects.toMatchObject({
        code: 'INTERRUPTED',
      });
    }
  });

  test('to where nothing is fails with the address and the reason', async () => {
    await expect(ask('127.0.0.1:1')).rejects.toMatchObject({
      message: '127.0.0.1:1 cannot be reached: nothing answers at this address',
    });
  });
});

describe('a redirect', () => {
  const credentials = { kind: 'password', username: 'ada', password: 'secret-7' } as const;

  test('is followed, and another host sees no credentials', async () => {
    await using storage = await scriptedServer((_, response) => void response.end('the blob'));
    await using server = await scriptedServer(({ headers }, response) => {
      if (headers.authorization)
        response.writeHead(307, { Location: `http://${storage.host}/blob?signed=1` }).end();
      else json(response, 401, {}, { 'WWW-Authenticate': 'Basic realm="x"' });
    });
    const headers = { range: 'bytes=0-7' };
    const answer = await ask(server.host, { headers }, { credentials });
    expect(answer).toEqual({ status: 200, url: `http://${storage.host}/blob?signed=1`, text: 'the blob' });
    expect(storage.asked[0]?.headers).toMatchObject({ range: 'bytes=0-7' });
    expect(storage.asked[0]?.headers).not.toHaveProperty('authorization');
  });

  test('within the registry keeps them', async () => {
    await using server = await scriptedServer(({ headers, url }, response) => {
      if (!headers.authorization) json(response, 401, {}, { 'WWW-Authenticate': 'Basic realm="x"' });
      else if (url.startsWith('/v2/')) response.writeHead(302, { Location: '/elsewhere' }).end();
      else response.end('here');
    });
    expect(await ask(server.host, {}, { credentials })).toMatchObject({ text: 'here' });
  });

  test('to a host that wants a login of its own is an answer, not a challenge', async () => {
    await using storage = await scriptedServer((_, response) =>
      json(response, 401, {}, { 'WWW-Authenticate': 'Basic realm="give it to me"' }),
    );
    await using server = await scriptedServer(
      (_, response) => void response.writeHead(307, { Location: `http://${storage.host}/` }).end(),
    );
    await expect(ask(server.host, {}, { credentials })).rejects.toMatchObject({
      code: 'REGISTRY_UNAUTHORIZED',
    });
    expect(storage.asked.map(({ headers }) => headers.authorization)).toEqual([undefined]);
  });

  test.each([
    ['to plain HTTP elsewhere', 'http://storage.example/blob', 'without encryption'],
    ['to a file', 'file:///etc/passwd', 'no web address'],
    ['to nowhere', 'http://', 'no web address'],
  ])('%s is refused', async (_, location, reason) => {
    await using server = await scriptedServer(
      (_, response) => void response.writeHead(302, { Location: location }).end(),
    );
    await expect(ask(server.host)).rejects.toMatchObject({
      code: 'REGISTRY_REDIRECT_REFUSED',
      message: expect.stringContaining(reason) as string,
    });
  });

  test('in a circle is left', async () => {
    await using server = await scriptedServer(
      (_, response) => void response.writeHead(302, { Location: '/x' }).end(),
    );
    await expect(ask(server.host)).rejects.toMatchObject({
      message: expect.stringContaining('again and again') as string,
    });
    expect(server.asked.length).toBeLessThan(10);
  });

  test('takes a body along when the request stays the same, and a stream never', async () => {
    await using server = await scriptedServer(({ url }, response) => {
      if (url === '/there') response.writeHead(201).end('stored');
      else response.writeHead(307, { Location: '/there' }).end();
    });
    const put = { method: 'PUT', body: Buffer.from('bytes'), accept: [201, 307] } as const;
    expect(await ask(server.host, put)).toMatchObject({ status: 201 });
    expect(server.asked.at(-1)?.body).toBe('bytes');
    expect(await ask(server.host, { ...put, retry: false })).toMatchObject({ status: 307 });
  });
});

describe('an upload that is to go to another host', () => {
  test('shows it no credentials', async () => {
    const credentials = { kind: 'registry-token', token: 'secret-8' } as const;
    await using storage = await scriptedServer((_, response) => void response.writeHead(201).end());
    await using server = await scriptedServer((_, response) =>
      json(response, 401, {}, { 'WWW-Authenticate': 'Basic realm="x"' }),
    );
    const one = client(server.host, { credentials });
    await one.send(GET).catch(() => undefined);
    const url = `http://${storage.host}/upload`;
    await (await one.send({ ...GET, method: 'PUT', url, body: Buffer.from('x'), accept: [201] })).discard();
    await one.close();
    expect(server.asked.at(-1)?.headers.authorization).toBe('Bearer secret-8');
    expect(storage.asked[0]?.headers).not.toHaveProperty('authorization');
  });
});

describe('a token service', () => {
  const credentials = { kind: 'password', username: 'ada', password: 'secret-9' } as const;

  async function withRealm(realm: string): Promise<unknown> {
    await using server = await scriptedServer((_, response) =>
      json(response, 401, {}, { 'WWW-Authenticate': `Bearer realm="${realm}"` }),
    );
    return await ask(server.host, {}, { credentials }).catch((error: unknown) => error);
  }

  test('is not told a password without encryption', async () => {
    expect(await withRealm('http://tokens.example/')).toMatchObject({
      code: 'REGISTRY_TOKEN_FAILED',
      message: expect.stringContaining('not reached by HTTPS') as string,
    });
    expect(await withRealm('not a url')).toMatchObject({ code: 'REGISTRY_TOKEN_FAILED' });
  });

  test.each([
    ['nothing', {}],
    ['a token that is no text', { token: 7 }],
    ['a token that would break the request', { token: 'a\r\nX-Evil: 1' }],
    ['another kind of JSON', 'token'],
  ])('that gives %s is reported', async (_, answer) => {
    await using service = await scriptedServer((_, response) => json(response, 200, answer));
    expect(await withRealm(`http://${service.host}/`)).toMatchObject({ code: 'REGISTRY_TOKEN_FAILED' });
  });

  test('that fails for a moment is asked again', async () => {
    await using service = await scriptedServer((_, response, count) =>
      count < 3 ? json(response, 503, {}) : json(response, 200, { token: 'good' }),
    );
    await using server = await scriptedServer(({ headers }, response) => {
      if (headers.authorization === 'Bearer good') response.end('in');
      else json(response, 401, {}, { 'WWW-Authenticate': `Bearer realm="http://${service.host}/"` });
    });
    expect(await ask(server.host, {}, { credentials })).toMatchObject({ text: 'in' });
  });

  test('that gives tokens the registry does not take is asked once more, not for ever', async () => {
    await using service = await scriptedServer((_, response) => json(response, 200, { token: 'bad' }));
    expect(await withRealm(`http://${service.host}/`)).toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' });
    expect(service.asked.length).toBeLessThan(3);
  });
});
