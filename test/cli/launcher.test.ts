import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = path.resolve(import.meta.dirname, '../..');
const LAUNCHER = path.join(ROOT, 'src/cli/launcher.cjs');

const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-launcher-'));
const launcher = path.join(folder, 'hyperfile.cjs');
const pretend = path.join(folder, 'pretend.cjs');

beforeAll(() => {
  copyFileSync(LAUNCHER, launcher);
  writeFileSync(path.join(folder, 'package.json'), '{ "type": "module" }');
  writeFileSync(
    path.join(folder, 'main.cjs'),
    'require("./part.cjs"); console.log("started", process.argv[2]);',
  );
  writeFileSync(path.join(folder, 'part.cjs'), 'module.exports = 1;');
  writeFileSync(
    pretend,
    `const node = process.env.PRETEND_NODE;
     Object.defineProperty(process, 'versions', { value: { ...process.versions, node } });`,
  );
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function launch(env: Record<string, string>, args: string[] = []) {
  const { HOME: _home, XDG_CACHE_HOME: _cache, NODE_COMPILE_CACHE: _compile, ...rest } = process.env;
  return spawnSync(process.execPath, [...args, launcher, 'x'], {
    env: { ...rest, ...env },
    encoding: 'utf8',
  });
}

describe('the launcher', () => {
  test.each(['8.17.0', '18.20.4', '20.20.2', '22.17.9'])(
    'under Node %s says what is needed and ends with 5',
    (node) => {
      const { status, stderr, stdout } = launch({ PRETEND_NODE: node }, ['--require', pretend]);
      expect(stderr).toMatch(`hyperfile: error: Node 22.19 or newer is needed, and this is ${node}\n  hint:`);
      expect(stdout).toBe('');
      expect(status).toBe(5);
    },
  );

  test.each(['22.19.0', '24.0.0', '30.1.0'])('under Node %s starts the command', (node) => {
    const { status, stdout } = launch({ PRETEND_NODE: node }, ['--require', pretend]);
    expect(stdout).toBe('started x\n');
    expect(status).toBe(0);
  });

  test('asks for the version that package.json does', () => {
    const { engines } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      engines: { node: string };
    };
    expect(engines.node).toBe('>=22.19');
    expect(readFileSync(LAUNCHER, 'utf8')).toMatch(/NEEDED_MAJOR = 22;\nvar NEEDED_MINOR = 19;/);
  });

  test('holds no syntax that an old Node does not know', () => {
    const code = readFileSync(LAUNCHER, 'utf8').replace(/\/\*[^]*?\*\//g, '');
    expect(code).not.toMatch(/=>|`|\b(?:const|let|class|import|async|await)\b|\?\.|\?\?|\.\.\.[a-z]/);
  });

  test('keeps compiled code in the cache of the user', () => {
    const cache = path.join(folder, 'cache');
    launch({ XDG_CACHE_HOME: cache });
    expect(readdirSync(path.join(cache, 'hyperfile/compile-cache')).length).toBeGreaterThan(0);
  });

  test('keeps it apart from the store on Windows, where names do not differ in case', () => {
    const windows = path.join(folder, 'windows.cjs');
    writeFileSync(windows, `Object.defineProperty(process, 'platform', { value: 'win32' });`);
    const local = path.join(folder, 'local');
    mkdirSync(local);
    launch({ LOCALAPPDATA: local, HOME: path.join(folder, 'home') }, ['--require', windows]);
    expect(readdirSync(local)).toEqual(['Temp']);
    expect(readdirSync(path.join(local, 'Temp/hyperfile/compile-cache')).length).toBeGreaterThan(0);
  });

  test('starts without a cache where none can be written, or no home is known', () => {
    const blocked = path.join(folder, 'blocked');
    writeFileSync(blocked, 'a file, not a folder');
    expect(launch({ XDG_CACHE_HOME: blocked }).stdout).toBe('started x\n');
    mkdirSync(path.join(folder, 'none'), { recursive: true });
    expect(launch({}).stdout).toBe('started x\n');
  });
});
