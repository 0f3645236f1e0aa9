import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { Prompt } from '../../src/cli/prompt.ts';
import { builtCommand } from '../support/built-command.ts';
import { describeWith, has, testWith } from '../support/needs.ts';
import { PASSWORD, REGISTRY_NEEDS, startRegistry, USERNAME, type TestRegistry } from '../support/registry.ts';
import { fakeConsole } from './fake-console.ts';
import { hyperfile, newHost, output, withImage, type Host } from './transfer-hosts.ts';

let registry: TestRegistry;
beforeAll(async () => {
  if (REGISTRY_NEEDS.every(has)) registry = await startRegistry({ auth: 'password' });
});
afterAll(() => registry?.stop());

/** Somebody whose Docker config is empty. */
function stranger(): Host {
  const host = newHost(registry.strangersEnv);
  return { ...host, env: { ...host.env, DOCKER_CONFIG: path.join(host.folder, 'docker') } };
}

describeWith(REGISTRY_NEEDS, 'login', () => {
  test('lets push through, is kept for its owner only, and ends with logout', async () => {
    const host = stranger();
    const name = `${registry.host}/web:1`;
    await withImage(host, [name]);
    const before = await hyperfile(host, `push ${name}`);
    expect(before.status).toBe(6);
    expect(before.err).toContain(`hyperfile login ${registry.host}`);
    const login = `login -u ${USERNAME} --password-stdin ${registry.host}`;
    const { status, out, err } = await hyperfile(host, login, { input: `${PASSWORD}\n` });
    expect({ status, out }).toEqual({ status: 0, out: `Logged in to ${registry.host} as ${USERNAME}\n` });
    expect(err).toContain('unencrypted');
    expect(out + err).not.toContain(PASSWORD);
    const config = path.join(host.env.DOCKER_CONFIG ?? '', 'config.json');
    expect(statSync(config).mode & 0o077).toBe(0);
    const events = await output(host, `push --format json ${name}`);
    expect(events).not.toContain(PASSWORD);
    expect(events).not.toContain(Buffer.from(`${USERNAME}:${PASSWORD}`).toString('base64'));
    expect(await output(host, `logout ${registry.host}`)).toBe(`Logged out of ${registry.host}\n`);
    expect(readFileSync(config, 'utf8')).not.toContain(registry.host);
    expect(await output(host, `logout ${registry.host}`)).toBe(`Not logged in to ${registry.host}\n`);
    expect((await hyperfile(host, `pull ${name}`)).status).toBe(6);
  });

  test('with a wrong password is refused, and neither kept nor repeated', async () => {
    const host = stranger();
    const { status, out, err } = await hyperfile(host, `login -u ${USERNAME} -p wrong-one ${registry.host}`);
    expect(status).toBe(6);
    expect(err).toContain('WARNING! Using --password via the CLI is insecure. Use --password-stdin.');
    expect(out + err).not.toContain('wrong-one');
    expect(await output(host, `logout ${registry.host}`)).toMatch(/^Not logged in/);
  });

  test('asks on a terminal, and does not show the password', async () => {
    const host = stranger();
    const typed = fakeConsole({ input: `${USERNAME}\n${PASSWORD}\r`, env: host.env });
    const modes: boolean[] = [];
    Object.assign(typed.input, { isTTY: true, setRawMode: (isRaw: boolean) => modes.push(isRaw) });
    const { run } = await import('../../src/cli/run.ts');
    expect(await run(['login', registry.host], typed), typed.written.err).toBe(0);
    expect(typed.written.err).toMatch(/^Username: Password: \n/);
    expect(modes).toEqual([true, false]);
    expect(typed.written.out + typed.written.err).not.toContain(PASSWORD);
  });
});

describe('a login that is typed wrong', () => {
  test.each([
    ['login host.example', 'the standard input is no terminal', '--password-stdin'],
    ['login --password-stdin host.example', '--password-stdin needs --username', 'login'],
    ['login -u me -p x --password-stdin host.example', 'cannot go together', 'login'],
    ['login -u me --password-stdin host.example', 'standard input holds no password', 'login'],
    ['login -u me host.example s3cret', 'too many arguments', 'login --help'],
    ['login -u me --pasword=s3cret host.example', 'there is no option --pasword', 'login --help'],
  ])('%s: is refused without repeating what may be a password', async (line, message, hint) => {
    const console = fakeConsole();
    const { run } = await import('../../src/cli/run.ts');
    expect(await run(line.split(' '), console)).toBe(2);
    expect(console.written.err).toContain(message);
    expect(console.written.err).toContain(hint);
    expect(console.written.err).not.toContain('s3cret');
  });
});

describe('a question', () => {
  const ask = (input: string) => {
    const console = fakeConsole({ input });
    Object.assign(console.input, { isTTY: true });
    return new Prompt(console, '').askSecret('Password: ');
  };

  test('takes what is typed, with the keys that mend it', async () => {
    expect(await ask('secret\r')).toBe('secret');
    expect(await ask('sexx\u007f\u007fcret\n')).toBe('secret');
    expect(await ask('wrong\u0015p\u00e4ss\u001b\r')).toBe('p\u00e4ss');
    await expect(ask('half\u0003')).rejects.toMatchObject({ code: 'INTERRUPTED' });
    await expect(ask('\u0004')).rejects.toMatchObject({ code: 'CLI_USAGE' });
    await expect(ask('half')).rejects.toMatchObject({ code: 'CLI_USAGE' });
  });
});

let connections = 0;

/** A registry that never answers. */
async function silentServer(): Promise<string> {
  connections = 0;
  const server = createServer(() => void (connections += 1)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('Ctrl-C', () => {
  test.each([
    ['pull', 'pulling'],
    ['tags', undefined],
    ['inspect', undefined],
  ])('ends a %s that waits for a registry', async (verb, sign) => {
    const host = await silentServer();
    const { env, folder } = newHost({});
    const words = verb === 'inspect' ? ['inspect', '--remote'] : [verb];
    const child = spawn(process.execPath, [builtCommand(), ...words, `${host}/web`], {
      env: { ...process.env, ...env },
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let err = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    while (sign === undefined ? connections === 0 : !err.includes(sign)) await sleep(20);
    child.kill('SIGINT');
    const [status] = (await once(child, 'close')) as [number];
    expect(err).toContain('interrupted');
    expect(err).not.toContain('CLI_INTERNAL');
    expect(status, err).toBe(130);
  });
});

testWith(['/proc/self/cmdline'], 'a password given as an option leaves the list of processes', async () => {
  const host = await silentServer();
  const child = spawn(process.execPath, [builtCommand(), 'login', '-u', 'me', '-p', 'open-sesame', host], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await once(child.stderr, 'data');
  expect(readFileSync(`/proc/${child.pid}/cmdline`, 'utf8')).not.toContain('open-sesame');
  while (connections === 0) await sleep(20);
  child.kill('SIGINT');
  const [status] = (await once(child, 'close')) as [number];
  expect(status).toBe(130);
});
