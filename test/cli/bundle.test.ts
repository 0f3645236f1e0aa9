import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { diskServerEntry } from '../../src/fuse/client/entry.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-bundle-'));
const dist = path.join(folder, 'dist');

beforeAll(() => {
  execFileSync(process.execPath, [path.join(ROOT, 'scripts/bundle.ts'), dist], { stdio: 'pipe' });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function hyperfile(...args: string[]) {
  const env = { ...process.env, HYPERFILE_STORE: path.join(folder, 'store'), XDG_CACHE_HOME: folder };
  return spawnSync(process.execPath, [path.join(dist, 'hyperfile.cjs'), ...args], { env, encoding: 'utf8' });
}

describe('the bundle', () => {
  test('runs by itself, far from node_modules', () => {
    const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
      version: string;
    };
    expect(hyperfile('version').stdout).toContain(`hyperfile ${version} `);
    expect(hyperfile('images').stdout).toMatch(/^NAME /);
    expect(hyperfile('build').status).toBe(2);
    expect(hyperfile('build', '/nowhere').stderr).toContain('BUILD_NO_CONTEXT');
  });

  test('holds the disk server where its client looks for it', () => {
    expect(existsSync(diskServerEntry(pathToFileURL(path.join(dist, 'main.cjs')).href))).toBe(true);
  });

  test('gives the public API to ES modules', () => {
    const program = path.join(folder, 'program.mjs');
    writeFileSync(
      program,
      `import { build, HyperfileError, Store } from './dist/index.cjs';\nconsole.log(build.name, HyperfileError.name, Store.name);`,
    );
    expect(execFileSync(process.execPath, [program], { encoding: 'utf8' })).toBe(
      'build HyperfileError Store\n',
    );
  });

  test('keeps the licences of all it took in', () => {
    const text = readFileSync(path.join(dist, 'THIRD-PARTY-LICENSES.txt'), 'utf8');
    for (const name of ['chevrotain', 'commander', 'execa', 'ora', 'picocolors']) {
      expect(text).toMatch(new RegExp(`^${name} \\d+\\.\\d+\\.\\d+ \\((MIT|ISC|Apache-2.0)\\)$`, 'm'));
    }
    expect(text).not.toContain('unknown');
  });

  test('loads neither the parser nor the spinner for a command that needs none of them', () => {
    const loaded = execFileSync(
      process.execPath,
      [
        '-e',
        `process.argv.splice(1, 0, 'hyperfile'); require('./main.cjs'); process.on('exit', () => console.log(Object.keys(require.cache).map((file) => require('path').basename(file)).join(' ')));`,
        'version',
      ],
      { cwd: dist, encoding: 'utf8' },
    );
    expect(loaded).toMatch(/main\.cjs/);
    expect(loaded).not.toMatch(/part-(ora|build|store|driver|execa)\.cjs/);
  });
});
