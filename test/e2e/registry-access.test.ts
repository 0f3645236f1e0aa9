/** Ways into a registry: certificates, passwords, tokens, proxies; and who is not let in is told why, without secrets. */
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { describeWith } from '../support/needs.ts';
import { PASSWORD, startRegistry, USERNAME, type TestRegistry } from '../support/registry.ts';
import type { CommandOptions, Ended } from './support/command.ts';
import { Machine, MACHINE_NEEDS } from './support/registry-machine.ts';
import { startWebProxy } from './support/registry-proxy.ts';
import { keepingSecrets } from './support/registry-secrets.ts';
import { expectRefusal } from './support/site.ts';

const RECIPE = 'FROM scratch\nCOPY page /page\n';
const WRONG = 'wrong-horse-9';

describeWith(MACHINE_NEEDS, 'a registry over TLS that knows its users', () => {
  let registry: TestRegistry;
  let site: Machine;
  let name: string;

  beforeAll(async () => {
    registry = await startRegistry({ auth: 'password', tls: true });
    site = new Machine(registry.env);
    name = `${registry.host}/team/web:1`;
    site.write({ page: 'a page\n' });
    await site.built(RECIPE, ['-t', name]);
  });

  afterAll(async () => {
    await site.expectNothingLeft();
    site.remove();
    await registry.stop();
  });

  /** What a machine sees on which nobody has logged in. */
  function fresh(label: string): { options: CommandOptions & { env: Record<string, string> }; file: string } {
    const folder = path.join(site.folder, `docker-${label}`);
    mkdirSync(folder, { recursive: true });
    return { options: { env: { DOCKER_CONFIG: folder } }, file: path.join(folder, 'config.json') };
  }

  test('is not trusted without its authority, and is with it, in certs.d or in NODE_EXTRA_CA_CERTS', async () => {
    const elsewhere = { XDG_CONFIG_HOME: path.join(site.folder, 'xdg') };
    const says = [
      'is not trusted',
      'REGISTRY_TLS_UNTRUSTED',
      `certs.d/${registry.host}/ca.crt`,
      'NODE_EXTRA_CA_CERTS',
    ];
    for (const args of [
      ['push', name],
      ['pull', name],
      ['tags', name.replace(':1', '')],
    ])
      expectRefusal(await site.run(args, { env: elsewhere }), 6, says);
    const authority = registry.certificate!.authorityFile;
    await site.done(['push', name], { env: { ...elsewhere, NODE_EXTRA_CA_CERTS: authority } });
    await site.done(['push', name]);
    expect((await site.done(['tags', name.replace(/:1$/, '')])).out).toContain('1');
  });

  test('tells strangers how to log in, and takes nothing from them', async () => {
    const { options } = fresh('stranger');
    const says = ['REGISTRY_UNAUTHORIZED', `hyperfile login ${registry.host}`];
    for (const verb of ['push', 'pull']) expectRefusal(await site.run([verb, name], options), 6, says);
    const build = await site.build(`FROM ${registry.host}/team/other\n`, [], options);
    expectRefusal(build, 6, [...says, 'FROM']);
  });

  test('refuses a wrong password, which is kept nowhere and shown to nobody', async () => {
    const { options, file } = fresh('wrong');
    const login = ['login', '-u', USERNAME, '--password-stdin', registry.host];
    await keepingSecrets([WRONG], async () => {
      const ended = await site.run(login, { ...options, input: `${WRONG}\n` });
      expectRefusal(ended, 6, ['REGISTRY_UNAUTHORIZED']);
      expect(existsSync(file)).toBe(false);
      const auth = Buffer.from(`${USERNAME}:${WRONG}`).toString('base64');
      writeFileSync(file, JSON.stringify({ auths: { [registry.host]: { auth } } }));
      const push = await site.run(['push', name], options);
      expectRefusal(push, 6, ['REGISTRY_UNAUTHORIZED', 'stored credentials are not accepted']);
      return [ended, push];
    });
  });

  test('lets in who has logged in, and nothing that anybody can see holds the password', async () => {
    const { options, file } = fresh('right');
    const debug = { ...options, env: { ...options.env, HYPERFILE_DEBUG: '1' } };
    const login = ['login', '-u', USERNAME, '--password-stdin', registry.host];
    const cache = `type=registry,ref=${registry.host}/team/cache`;
    const flags = ['-t', name, '--push', '--cache-to', cache, '--cache-from', cache, '--progress', 'json'];
    await keepingSecrets([PASSWORD], async () => {
      const all: Ended[] = [await site.done(login, { ...options, input: `${PASSWORD}\n` })];
      expect(Object.keys(auths(file))).toEqual([registry.host]);
      const build = await site.build(`${RECIPE}COPY page /other\n`, flags, debug);
      expect(build.status, build.err + build.out).toBe(0);
      all.push(build);
      for (const args of [
        ['push', '--format', 'json', name],
        ['pull', '--format', 'json', name],
        ['inspect', '--remote', name],
        ['history', name],
        ['inspect', name],
        ['cache', 'ls', cache],
        ['logout', registry.host],
      ])
        all.push(await site.done(args, debug));
      expect(Object.keys(auths(file))).toEqual([]);
      const after = await site.run(['pull', name], options);
      expectRefusal(after, 6, ['REGISTRY_UNAUTHORIZED']);
      return [...all, after];
    });
  });

  test('is logged in to with a credential helper, which alone has the password', async () => {
    const { options, file } = fresh('helper');
    const folder = path.dirname(file);
    const kept = path.join(folder, 'kept');
    const script = `#!/bin/sh\ncase $1 in\nstore) cat > ${kept};;\nget) cat ${kept};;\nerase) rm ${kept};;\nesac\n`;
    writeFileSync(path.join(folder, 'docker-credential-safe'), script);
    chmodSync(path.join(folder, 'docker-credential-safe'), 0o755);
    writeFileSync(file, JSON.stringify({ credsStore: 'safe' }));
    const PATH = `${folder}:${process.env.PATH}`;
    const withHelper = { ...options, env: { ...options.env, PATH } };
    const login = ['login', '-u', USERNAME, '--password-stdin', registry.host];
    await keepingSecrets([PASSWORD], async () => [
      await site.done(login, { ...withHelper, input: PASSWORD }),
      await site.done(['push', name], withHelper),
    ]);
    expect(readFileSync(kept, 'utf8')).toContain(PASSWORD);
    expect(readFileSync(file, 'utf8')).not.toContain(PASSWORD);
  });
});

describeWith(MACHINE_NEEDS, 'a registry with tokens that live for a moment', () => {
  test('takes a push of several layers that lasts longer than any of them', async () => {
    const registry = await startRegistry({ auth: 'token' });
    const proxy = await startFaultProxy({ target: `http://${registry.host}` });
    const site = new Machine(registry.strangersEnv);
    try {
      const name = `${proxy.host}/team/web:1`;
      const login = ['login', '-u', USERNAME, '--password-stdin', proxy.host];
      await site.done(login, { input: PASSWORD });
      const layers = [1, 2, 3, 4];
      for (const layer of layers) site.write({ [`big-${layer}`]: randomBytes(500_000) });
      const copies = layers.map((layer) => `COPY big-${layer} /\n`).join('');
      await site.built(`FROM scratch\n${copies}`, ['-t', name]);
      proxy.inject({
        path: /\/uploads\//,
        fault: { kind: 'slow', direction: 'up', bytesPerSecond: 2 ** 20 },
      });
      registry.tokens!.lifetimeSeconds = 1;
      const before = registry.tokens!.requests.length;
      await keepingSecrets([PASSWORD], async () => [
        await site.done(['push', '--concurrency', '1', '--format', 'json', name]),
      ]);
      expect(registry.tokens!.requests.length - before).toBeGreaterThan(layers.length / 2);
      const there = new Machine(registry.strangersEnv);
      await there.done(['pull', name]);
      expect(there.layers()).toEqual(site.layers());
      there.remove();
    } finally {
      site.remove();
      await proxy.stop();
      await registry.stop();
    }
  });
});

describeWith(MACHINE_NEEDS, 'a registry behind a web proxy', () => {
  const HOST = 'registry.invalid:5000';

  test.each([
    ['HTTPS_PROXY', true],
    ['HTTP_PROXY', false],
  ])('is reached through %s, whose password is shown to nobody', async (variable, tls) => {
    const registry = await startRegistry({ tls });
    const proxy = await startWebProxy(registry.host);
    const site = new Machine({ ...registry.env, HYPERFILE_INSECURE_REGISTRIES: HOST });
    try {
      const name = `${HOST}/team/web:1`;
      site.write({ page: 'a page\n' });
      const both = { HTTP_PROXY: proxy.url, HTTPS_PROXY: proxy.url };
      const env = tls ? { [variable]: proxy.url } : both;
      await keepingSecrets([proxy.password], async () => {
        const build = await site.build(RECIPE, ['-t', name, '--push', '--load', '--progress', 'json'], {
          env,
        });
        expect(build.status, build.out).toBe(0);
        const pull = await site.done(['pull', name], { env });
        const wrong = proxy.url.replace('me:', 'you:');
        const refused = await site.run(['pull', name], { env: { HTTP_PROXY: wrong, HTTPS_PROXY: wrong } });
        expectRefusal(refused, 6, [HOST, 'the proxy asks for a user name and password']);
        expect(refused.err).not.toContain('trying again');
        return [build, pull, refused];
      });
      expect(proxy.asked.every((line) => line.includes(HOST))).toBe(true);
      expect(proxy.asked.length).toBeGreaterThan(0);
    } finally {
      site.remove();
      proxy.stop();
      await registry.stop();
    }
  });
});

function auths(file: string): object {
  return (JSON.parse(readFileSync(file, 'utf8')) as { auths?: object }).auths ?? {};
}
