/** Credentials are found where Docker keeps them and kept where Docker finds them. */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { findCredentials, login, logout } from '../../src/registry/credentials.ts';
import { credentialKey, registryHost } from '../../src/registry/default-registry.ts';
import { changeAuths } from '../../src/registry/docker-config.ts';
import { describeWith } from '../support/needs.ts';
import { PASSWORD, REGISTRY_NEEDS, USERNAME, startRegistry } from '../support/registry.ts';
import { json, scriptedServer } from './scripted-server.ts';

const HOST = 'registry.example:5000';
const AUTH = Buffer.from(`${USERNAME}:${PASSWORD}`).toString('base64');
const PAIR = { kind: 'password', username: USERNAME, password: PASSWORD };

let folder: string;
let env: NodeJS.ProcessEnv;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'credentials-'));
  env = {
    PATH: `${folder}:${process.env.PATH}`,
    DOCKER_CONFIG: path.join(folder, 'docker'),
    XDG_CONFIG_HOME: folder,
  };
  file = path.join(folder, 'docker', 'config.json');
  mkdirSync(path.dirname(file));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(config: unknown): void {
  writeFileSync(file, typeof config === 'string' ? config : JSON.stringify(config));
}

function read(): Record<string, unknown> {
  return JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
}

/** A helper that keeps its entries in a file and writes down how it was called. */
function installHelper(name: string, script = HELPER): void {
  const program = path.join(folder, `docker-credential-${name}`);
  writeFileSync(program, script);
  chmodSync(program, 0o755);
}

const HELPER = `#!/bin/sh
cd "$(dirname "$0")"
input=$(cat)
echo "$@" >> calls
case "$1" in
  get) [ -f kept ] && cat kept || { echo 'credentials not found in native keychain'; exit 1; } ;;
  store) printf %s "$input" > kept ;;
  erase) [ -f kept ] && rm kept || { echo 'credentials not found in native keychain'; exit 1; } ;;
esac
`;

describe('credentials are found', () => {
  test.each<[string, object, object | undefined]>([
    ['nowhere', {}, undefined],
    ['under the host', { auths: { [HOST]: { auth: AUTH } } }, PAIR],
    ['under a URL of the host', { auths: { [`https://${HOST}/v2/`]: { auth: AUTH } } }, PAIR],
    ['not under another port', { auths: { 'registry.example': { auth: AUTH } } }, undefined],
    ['as user name and password', { auths: { [HOST]: { username: USERNAME, password: PASSWORD } } }, PAIR],
    [
      'as an identity token',
      { auths: { [HOST]: { auth: AUTH, identitytoken: 'i' } } },
      { kind: 'identity-token', token: 'i' },
    ],
    [
      'as a registry token',
      { auths: { [HOST]: { registrytoken: 'r' } } },
      { kind: 'registry-token', token: 'r' },
    ],
    ['not in an empty entry', { auths: { [HOST]: {} } }, undefined],
    ['not in what is no pair', { auths: { [HOST]: { auth: 'bm8gcGFpcg==' } } }, undefined],
  ])('%s', async (_, config, expected) => {
    write(config);
    expect(await findCredentials(HOST, env)).toEqual(expected);
  });

  test('with a colon in the password', async () => {
    write({ auths: { [HOST]: { auth: Buffer.from('a:b:c').toString('base64') } } });
    expect(await findCredentials(HOST, env)).toMatchObject({ username: 'a', password: 'b:c' });
  });

  test('nowhere when there is no file, or an empty one', async () => {
    expect(await findCredentials(HOST, env)).toBeUndefined();
    write('');
    expect(await findCredentials(HOST, env)).toBeUndefined();
  });

  test('in the environment before the file', async () => {
    write({ auths: { [HOST]: { auth: AUTH } } });
    env.DOCKER_AUTH_CONFIG = JSON.stringify({ auths: { [HOST]: { registrytoken: 'r' } } });
    expect(await findCredentials(HOST, env)).toMatchObject({ kind: 'registry-token' });
  });

  test('for the default registry under its historic key', async () => {
    const host = registryHost(undefined, {});
    write({ auths: { [credentialKey(host)]: { auth: AUTH } } });
    expect(await findCredentials(host, env)).toEqual(PAIR);
  });

  test('by the helper of the registry, else by the one for all others', async () => {
    installHelper('one', '#!/bin/sh\necho "{\\"Username\\":\\"one\\",\\"Secret\\":\\"$(cat)\\"}"\n');
    installHelper('all', '#!/bin/sh\necho \'{"Username":"<token>","Secret":"t"}\'\n');
    write({ credHelpers: { [HOST]: 'one' }, credsStore: 'all' });
    expect(await findCredentials(HOST, env)).toEqual({ kind: 'password', username: 'one', password: HOST });
    expect(await findCredentials('other.example', env)).toEqual({ kind: 'identity-token', token: 't' });
  });

  test('in the file where the helper knows nothing', async () => {
    installHelper('empty');
    write({ credsStore: 'empty', auths: { [HOST]: { auth: AUTH } } });
    expect(await findCredentials(HOST, env)).toEqual(PAIR);
  });
});

describe('what cannot be used is named, without what it holds', () => {
  test.each([
    ['a file that is no JSON', `{"auths": {"x": {"auth": "${AUTH}"`],
    ['a file that is no object', '[]'],
    ['auths of another form', { auths: { x: { auth: 7 } } }],
    ['helpers of another form', { credHelpers: ['x'] }],
    ['a store of another form', { credsStore: {} }],
  ])('%s', async (_, config) => {
    write(config);
    const error = (await findCredentials(HOST, env).catch((caught: unknown) => caught)) as Error;
    expect(error).toMatchObject({
      code: 'REGISTRY_CONFIG_INVALID',
      message: expect.stringContaining(file) as string,
    });
    expect(error.stack).not.toContain(AUTH.slice(0, 8));
    expect(error.cause).toBeUndefined();
  });

  test.each([
    ['is missing', undefined, 'no such program'],
    ['fails', '#!/bin/sh\necho broken >&2\nexit 3\n', 'broken'],
    ['says no JSON', '#!/bin/sh\necho nonsense\n', 'not JSON'],
    ['says too little', '#!/bin/sh\necho {}\n', 'no Username'],
  ])('a helper that %s', async (_, script, reason) => {
    if (script !== undefined) installHelper('bad', script);
    write({ credsStore: 'bad' });
    await expect(findCredentials(HOST, env)).rejects.toMatchObject({
      code: 'REGISTRY_HELPER_FAILED',
      message: expect.stringContaining(reason) as string,
    });
  });

  test('a helper whose name is a path', async () => {
    write({ credsStore: '../../bin/sh' });
    await expect(findCredentials(HOST, env)).rejects.toMatchObject({ code: 'REGISTRY_HELPER_FAILED' });
  });
});

describe('the file with credentials', () => {
  test('is for its owner only, whole at any moment, and keeps what else it holds', async () => {
    write({ HttpHeaders: { a: 'b' }, auths: { other: { auth: AUTH } }, psFormat: 'x' });
    chmodSync(file, 0o644);
    await changeAuths(env, (auths) => (auths[HOST] = { auth: AUTH }));
    expect(read()).toEqual({
      HttpHeaders: { a: 'b' },
      auths: { other: { auth: AUTH }, [HOST]: { auth: AUTH } },
      psFormat: 'x',
    });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(path.dirname(file))).toEqual(['config.json']);
  });

  test('loses nothing to those who write it at the same time', async () => {
    const hosts = Array.from({ length: 8 }, (_, index) => `host-${index}:5000`);
    await Promise.all(hosts.map((host) => changeAuths(env, (auths) => (auths[host] = { auth: AUTH }))));
    expect(Object.keys(read().auths as object).sort()).toEqual(hosts.sort());
  });

  test('stays a link when it is one', async () => {
    const real = path.join(folder, 'dotfiles.json');
    writeFileSync(real, '{}');
    symlinkSync(real, file);
    await changeAuths(env, (auths) => (auths[HOST] = { auth: AUTH }));
    expect(readFileSync(real, 'utf8')).toContain(AUTH);
  });

  test('is made with its folder', async () => {
    env.DOCKER_CONFIG = path.join(folder, 'new', 'place');
    await changeAuths(env, (auths) => (auths[HOST] = {}));
    expect(existsSync(path.join(folder, 'new', 'place', 'config.json'))).toBe(true);
  });

  test('that is damaged is left alone', async () => {
    write('{');
    await expect(changeAuths(env, () => undefined)).rejects.toMatchObject({
      code: 'REGISTRY_CONFIG_INVALID',
    });
    expect(readFileSync(file, 'utf8')).toBe('{');
  });
});

describeWith(REGISTRY_NEEDS, 'login', () => {
  const account = { username: USERNAME, password: PASSWORD };

  test('keeps a password that the registry takes, until logout', async () => {
    const registry = await startRegistry({ auth: 'password' });
    try {
      const result = await login(registry.host, { env, ...account });
      expect(result).toEqual({ host: registry.host, keptBy: { file }, isToken: false });
      expect(read()).toEqual({ auths: { [registry.host]: { auth: AUTH } } });
      expect(await findCredentials(registry.host, env)).toEqual(PAIR);
      expect(await logout(registry.host, env)).toEqual({ host: registry.host, wasLoggedIn: true });
      expect(read()).toEqual({ auths: {} });
      expect(await logout(registry.host, env)).toEqual({ host: registry.host, wasLoggedIn: false });
    } finally {
      await registry.stop();
    }
  });

  test('keeps nothing that the registry refuses, and says nothing of it', async () => {
    for (const auth of ['password', 'token'] as const) {
      const registry = await startRegistry({ auth });
      try {
        const password = 'not-the-password';
        const error = (await login(registry.host, { env, username: USERNAME, password }).catch(
          (caught: unknown) => caught,
        )) as Error;
        expect(error).toMatchObject({
          code: 'REGISTRY_UNAUTHORIZED',
          hint: expect.stringContaining('password') as string,
        });
        expect(JSON.stringify([error, error.stack])).not.toContain(password);
        expect(existsSync(file)).toBe(false);
      } finally {
        await registry.stop();
      }
    }
  });

  test('keeps a token in place of the password where there is one, and the token lets it in', async () => {
    const registry = await startRegistry({ auth: 'token' });
    try {
      expect(await login(registry.host, { env, ...account })).toMatchObject({ isToken: true });
      expect(readFileSync(file, 'utf8')).not.toContain(AUTH);
      const found = await findCredentials(registry.host, env);
      expect(found).toMatchObject({ kind: 'identity-token' });
      expect(registry.tokens!.refreshTokens.has((found as { token: string }).token)).toBe(true);
    } finally {
      await registry.stop();
    }
  });

  test('gives the password to the helper that is set, and to nobody else', async () => {
    installHelper('box');
    write({ credsStore: 'box' });
    const registry = await startRegistry({ auth: 'password' });
    try {
      const helper = 'docker-credential-box';
      expect(await login(registry.host, { env, ...account })).toMatchObject({ keptBy: { helper } });
      expect(read()).toEqual({ credsStore: 'box', auths: { [registry.host]: {} } });
      expect(JSON.parse(readFileSync(path.join(folder, 'kept'), 'utf8'))).toEqual({
        ServerURL: registry.host,
        Username: USERNAME,
        Secret: PASSWORD,
      });
      expect(await findCredentials(registry.host, env)).toEqual(PAIR);
      expect(await logout(registry.host, env)).toMatchObject({ wasLoggedIn: true });
      expect(await findCredentials(registry.host, env)).toBeUndefined();
      expect(readFileSync(path.join(folder, 'calls'), 'utf8')).toBe('store\nget\nerase\nget\n');
    } finally {
      await registry.stop();
    }
  });

  test('does not pass on what a helper says that repeats the password', async () => {
    installHelper('loud', '#!/bin/sh\necho "cannot store $(cat)"; exit 1\n');
    write({ credsStore: 'loud' });
    await using server = await scriptedServer((_, response) => json(response, 200, {}));
    const error = (await login(server.host, { env, ...account }).catch((caught: unknown) => caught)) as Error;
    expect(error).toMatchObject({ code: 'REGISTRY_HELPER_FAILED' });
    expect(JSON.stringify([error, error.stack])).not.toContain(PASSWORD);
  });

  test('to what is no registry fails', async () => {
    await using server = await scriptedServer((_, response) => void response.writeHead(404).end('<html>'));
    await expect(login(server.host, { env, ...account })).rejects.toMatchObject({
      code: 'REGISTRY_NOT_FOUND',
    });
  });
});
