/** Certificates, proxies and plain HTTP: how a connection to a registry comes about. */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type IncomingMessage } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createRegistryClient, type RegistryClientOptions } from '../../src/registry/http-client.ts';
import { plainHttp } from '../../src/registry/plain-http.ts';
import { makeCertificate, type TestCertificate } from '../support/certificates.ts';
import { describeWith, testWith } from '../support/needs.ts';
import { scriptedServer, type ScriptedServer } from './scripted-server.ts';

const ONCE = { attempts: 1, firstPauseMs: 1, longestPauseMs: 1, totalMs: 1 };

async function ask(
  host: string,
  env: NodeJS.ProcessEnv,
  options: Partial<RegistryClientOptions> = {},
): Promise<string> {
  const client = createRegistryClient(host, {
    env: { DOCKER_CONFIG: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent', ...env },
    retries: ONCE,
    ...options,
  });
  try {
    const answer = await client.send({
      method: 'GET',
      url: '/v2/',
      scope: { repository: '' },
      accept: [200],
    });
    return Buffer.from(await answer.bytes(1000)).toString();
  } finally {
    await client.close();
  }
}

describe('plain HTTP', () => {
  test('is for this machine, and for whom the user names', () => {
    const of = (host: string, insecureHosts: string[] = [], listed = ''): string =>
      plainHttp(host, { insecureHosts, env: { HYPERFILE_INSECURE_REGISTRIES: listed } });
    for (const host of ['localhost', 'localhost:5000', '127.0.0.1:80', '127.9.8.7', '[::1]:5000', '[::1]'])
      expect(of(host)).toBe('loopback');
    for (const host of [
      'registry.example',
      'localhost.example',
      '10.0.0.1:5000',
      '128.0.0.1',
      '[::2]',
      '127.0.0.1.example',
    ])
      expect(of(host)).toBe('no');
    expect(of('a.example:5000', ['a.example:5000'])).toBe('told');
    expect(of('a.example:5000', [], 'b.example, a.example:5000')).toBe('told');
    expect(of('a.example:5000', [], 'a.example')).toBe('told');
    expect(of('a.example:5000', [], 'a.example:5001,,')).toBe('no');
  });

  test('is not tried elsewhere', async () => {
    // Not a loopback name, but it leads there.
    await using server = await scriptedServer((_, response) => void response.end('in the clear'));
    const host = server.host.replace('127.0.0.1', '0.0.0.0');
    await expect(ask(host, {})).rejects.toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      hint: expect.stringContaining('--insecure') as string,
    });
    expect(server.asked).toEqual([]);
    expect(await ask(host, {}, { insecure: true })).toBe('in the clear');
    expect(await ask(host, { HYPERFILE_INSECURE_REGISTRIES: host })).toBe('in the clear');
  });

  test('stays the answer when it was meant, whatever TLS would say', async () => {
    await using server = await scriptedServer((_, response) => void response.writeHead(400).end('bad'));
    await expect(ask(server.host, {})).rejects.toMatchObject({
      code: 'REGISTRY_FAILED',
      data: { status: 400 },
    });
  });
});

describeWith(['openssl'], 'certificates', () => {
  let folder: string;
  let server: ScriptedServer;
  let certificate: TestCertificate;
  let client: TestCertificate;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'certificates-'));
    certificate = makeCertificate(folder);
    client = makeCertificate(folder, 'client');
    const pem = (file: string): string => readFileSync(file, 'utf8');
    server = await scriptedServer(
      (_, response) => {
        const { authorized } = response.socket as Socket & { authorized: boolean };
        response.end(authorized ? 'known' : 'unknown');
      },
      {
        cert: pem(certificate.certificateFile),
        key: pem(certificate.keyFile),
        ca: pem(client.authorityFile),
        requestCert: true,
        rejectUnauthorized: false,
      },
    );
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
  });

  function certsFolder(): { readonly env: NodeJS.ProcessEnv; readonly place: string } {
    const config = mkdtempSync(path.join(folder, 'config-'));
    const place = path.join(config, 'hyperfile', 'certs.d', server.host);
    mkdirSync(place, { recursive: true });
    return { env: { XDG_CONFIG_HOME: config }, place };
  }

  test('of authorities are found in the folder of the host', async () => {
    const { env, place } = certsFolder();
    await expect(ask(server.host, env)).rejects.toMatchObject({ code: 'REGISTRY_TLS_UNTRUSTED' });
    copyFileSync(certificate.authorityFile, path.join(place, 'any-name.crt'));
    expect(await ask(server.host, env)).toBe('unknown');
  });

  test('of clients are shown', async () => {
    const { env, place } = certsFolder();
    copyFileSync(certificate.authorityFile, path.join(place, 'ca.crt'));
    copyFileSync(client.certificateFile, path.join(place, 'client.cert'));
    await expect(ask(server.host, env)).rejects.toMatchObject({
      code: 'REGISTRY_CERTIFICATE_INVALID',
      message: expect.stringContaining('no client.key') as string,
    });
    copyFileSync(client.keyFile, path.join(place, 'client.key'));
    expect(await ask(server.host, env)).toBe('known');
  });

  test('that are none are named', async () => {
    const { env, place } = certsFolder();
    writeFileSync(path.join(place, 'ca.crt'), 'not a certificate');
    await expect(ask(server.host, env)).rejects.toMatchObject({ code: 'REGISTRY_CERTIFICATE_INVALID' });
    writeFileSync(
      path.join(place, 'ca.crt'),
      '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    );
    await expect(ask(server.host, env)).rejects.toMatchObject({ exitStatus: 6 });
  });

  test('are not given up for plain HTTP, not even on this machine', async () => {
    await using plain = await scriptedServer((_, response) => void response.end('in the clear'));
    const pem = (file: string): string => readFileSync(file, 'utf8');
    await using sealed = await scriptedServer(
      (_, response) => void response.writeHead(307, { Location: `http://${plain.host}/` }).end(),
      { cert: pem(certificate.certificateFile), key: pem(certificate.keyFile) },
    );
    await expect(ask(sealed.host, {}, { insecure: true })).rejects.toMatchObject({
      code: 'REGISTRY_REDIRECT_REFUSED',
      message: expect.stringContaining('without encryption') as string,
    });
    expect(plain.asked).toEqual([]);
  });

  test('for another name are refused', async () => {
    const { env } = certsFolder();
    const host = server.host.replace('127.0.0.1', '0.0.0.0');
    const place = path.join(env.XDG_CONFIG_HOME!, 'hyperfile', 'certs.d', host);
    mkdirSync(place, { recursive: true });
    copyFileSync(certificate.authorityFile, path.join(place, 'ca.crt'));
    await expect(ask(host, env)).rejects.toMatchObject({
      code: 'REGISTRY_TLS_UNTRUSTED',
      message: expect.stringContaining('altname') as string,
    });
  });

  test('may be named to Node, also beside those of the folder', async () => {
    const { env, place } = certsFolder();
    copyFileSync(client.authorityFile, path.join(place, 'ca.crt'));
    const source = path.resolve(import.meta.dirname, '../../src/registry/http-client.ts');
    const script = `
      const { createRegistryClient } = await import(${JSON.stringify(source)});
      const client = createRegistryClient('${server.host}', { env: process.env });
      const answer = await client.send({ method: 'GET', url: '/v2/', scope: { repository: '' }, accept: [200] });
      process.stdout.write(await answer.bytes(100));
      await client.close();`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      env: { ...env, DOCKER_CONFIG: '/nonexistent', NODE_EXTRA_CA_CERTS: certificate.authorityFile },
    });
    expect(stdout).toBe('unknown');
  });
});

describe('proxies', () => {
  let host: string;
  let used: string[];
  let stop: () => void;
  let registry: ScriptedServer;
  /** Where the proxy leads. */
  let target: ScriptedServer;

  /** Whatever host it is asked for is the registry of the test. */
  beforeEach(async () => {
    used = [];
    registry = await scriptedServer((_, response) => void response.end('through'));
    target = registry;
    const port = (): number => Number(target.host.split(':')[1]);
    const server = createServer((asked: IncomingMessage, response) => {
      used.push(`${asked.method} ${asked.url} ${asked.headers['proxy-authorization'] ?? ''}`.trim());
      const onward = request(
        { port: port(), path: new URL(asked.url ?? '').pathname },
        (answer) => void answer.pipe(response),
      );
      onward.end();
    });
    server.on('connect', (asked: IncomingMessage, socket: Socket) => {
      used.push(`CONNECT ${asked.url}`);
      const onward = connect(port(), '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        onward.pipe(socket).pipe(onward);
      });
      for (const end of [onward, socket]) end.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    stop = () => {
      server.closeAllConnections();
      server.close();
    };
  });
  afterEach(async () => {
    stop();
    await registry[Symbol.asyncDispose]();
  });

  const NAME = 'registry.invalid:5000';
  const told = { HYPERFILE_INSECURE_REGISTRIES: NAME };

  test.each(['HTTP_PROXY', 'http_proxy'])('are taken from %s', async (variable) => {
    expect(await ask(NAME, { ...told, [variable]: `http://${host}` })).toBe('through');
    expect(used).toEqual(expect.arrayContaining([expect.stringContaining(NAME)]));
  });

  test('for HTTPS are asked for a tunnel', async () => {
    await expect(ask(NAME, { HTTPS_PROXY: host })).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    expect(used).toEqual([`CONNECT ${NAME}`]);
  });

  testWith(['openssl'], 'pass TLS through as it is', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'proxy-'));
    const { certificateFile, keyFile, authorityFile } = makeCertificate(folder);
    const pem = (file: string): string => readFileSync(file, 'utf8');
    await using server = await scriptedServer((_, response) => void response.end('sealed'), {
      cert: pem(certificateFile),
      key: pem(keyFile),
    });
    target = server;
    const env = { XDG_CONFIG_HOME: folder, HTTPS_PROXY: `http://${host}` };
    await expect(ask(NAME, env)).rejects.toMatchObject({ code: 'REGISTRY_TLS_UNTRUSTED' });
    const place = path.join(folder, 'hyperfile', 'certs.d', NAME);
    mkdirSync(place, { recursive: true });
    copyFileSync(authorityFile, path.join(place, 'ca.crt'));
    const altname = expect.stringContaining('altname') as string;
    await expect(ask(NAME, env)).rejects.toMatchObject({ message: altname });
    expect(await ask(NAME, { ...env, ...told })).toBe('sealed');
    expect(new Set(used)).toEqual(new Set([`CONNECT ${NAME}`]));
    rmSync(folder, { recursive: true });
  });

  test.each(['NO_PROXY', 'no_proxy'])('are left out for what %s lists', async (variable) => {
    const env = {
      ...told,
      HTTP_PROXY: `http://${host}`,
      HTTPS_PROXY: `http://${host}`,
      [variable]: 'x, .invalid',
    };
    await expect(ask(NAME, env)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    expect(used).toEqual([]);
  });

  test('are not used for this machine', async () => {
    expect(await ask(registry.host, { HTTP_PROXY: `http://${host}` })).toBe('through');
    expect(used).toEqual([]);
  });

  test('are not taken from the environment of this process when another is given', async () => {
    process.env.HTTP_PROXY = `http://${host}`;
    try {
      await expect(ask(NAME, told)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
      expect(used).toEqual([]);
    } finally {
      delete process.env.HTTP_PROXY;
    }
  });

  test('that are down are reported, and nobody sees their password', async () => {
    const env = {
      ...told,
      HTTP_PROXY: 'http://me:my-secret@127.0.0.1:1',
      HTTPS_PROXY: 'http://me:my-secret@127.0.0.1:1',
    };
    const error = (await ask(NAME, env).catch((caught: unknown) => caught)) as Error;
    expect(error).toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    expect(JSON.stringify([error, error.stack])).not.toContain('my-secret');
  });

  test('that are none are named, without what was written', async () => {
    for (const value of ['ftp://me:my-secret@host', 'http://', 'a b']) {
      const error = (await ask(NAME, { HTTPS_PROXY: value }).catch((caught: unknown) => caught)) as Error;
      expect(error).toMatchObject({
        code: 'REGISTRY_PROXY_INVALID',
        message: 'HTTPS_PROXY is not the URL of a proxy',
      });
    }
  });
});
