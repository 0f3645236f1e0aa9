import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { HyperfileError } from '../../src/base/error.ts';
import { reportError } from '../../src/cli/report-error.ts';
import { run } from '../../src/cli/run.ts';
import { fakeConsole } from './fake-console.ts';

const home = mkdtempSync(path.join(tmpdir(), 'hyperfile-errors-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

const PLACE = { file: 'Hyperfile', line: 12, column: 6, endColumn: 13, text: 'COPY\tapp.txt /' };

function report(error: unknown, options: Parameters<typeof fakeConsole>[0] = {}, argv: string[] = []) {
  const console = fakeConsole(options);
  const status = reportError(error, argv, console);
  return { status, ...console.written };
}

describe('an error', () => {
  test('says what, where in the recipe, why, what to do, and names its page', () => {
    const error = new HyperfileError('TOOL_MISSING', { data: { tool: 'mmdebstrap' }, at: PLACE });
    expect(report(error).err).toMatchInlineSnapshot(`
      "hyperfile: error: mmdebstrap is needed and was not found
        Hyperfile:12:6
        12 | COPY	app.txt /
           |     	^^^^^^^
        why:   A program that this host must provide is not on PATH.
        hint:  Install the package that holds it; \`hyperfile doctor\` lists everything this host lacks.
        TOOL_MISSING, docs/errors/TOOL_MISSING.md
      "
    `);
  });

  test('shows an address that is no place in a recipe, and its cause', () => {
    const cause = new Error('EIO: i/o error, read\nat somewhere');
    const error = new HyperfileError('DISK_FULL', {
      data: { path: '/x' },
      at: 'byte 65536 of base.vhdx',
      cause,
    });
    const { err, status } = report(error);
    expect(err).toContain('  at byte 65536 of base.vhdx\n  cause: EIO: i/o error, read\n  why:');
    expect(status).toBe(1);
  });

  test('marks at least one column, and none beyond a line that is not known', () => {
    const { text: _, ...place } = PLACE;
    expect(report(new HyperfileError('INTERRUPTED', { at: place })).err).not.toContain('^');
    const point = { ...PLACE, endColumn: PLACE.column };
    expect(report(new HyperfileError('INTERRUPTED', { at: point })).err).toMatch(/\| {5}\t\^$/m);
  });

  test('has colours only on a terminal, or where they are forced, and never with NO_COLOR', () => {
    const error = new HyperfileError('INTERRUPTED');
    const hasColors = (env: Record<string, string>, isTTY: boolean) =>
      report(error, { env, isTTY }).err.includes('\u001b[');
    expect(hasColors({}, true)).toBe(true);
    expect(hasColors({}, false)).toBe(false);
    expect(hasColors({ NO_COLOR: '1' }, true)).toBe(false);
    expect(hasColors({ TERM: 'dumb' }, true)).toBe(false);
    expect(hasColors({ FORCE_COLOR: '1' }, false)).toBe(true);
    expect(hasColors({ FORCE_COLOR: '0' }, true)).toBe(false);
  });

  test('is one JSON line under --progress json, with all its fields', () => {
    const error = new HyperfileError('TOOL_MISSING', { data: { tool: 'tar' }, at: PLACE });
    const { out, err, status } = report(error, {}, ['build', '--progress', 'json', '.']);
    expect(out.split('\n')).toHaveLength(2);
    expect(JSON.parse(out)).toEqual({
      type: 'error',
      code: 'TOOL_MISSING',
      message: 'tar is needed and was not found',
      exitStatus: 5,
      at: PLACE,
      hint: error.hint,
      data: { tool: 'tar' },
      page: 'docs/errors/TOOL_MISSING.md',
    });
    expect(err).toBe('');
    expect(status).toBe(5);
  });
});

describe('what is wrong with a recipe', () => {
  const SOURCE = 'FRMO scratch\nCOPY a\n';

  async function build(...args: string[]) {
    const console = fakeConsole({ input: SOURCE, env: { HYPERFILE_STORE: home } });
    return { status: await run(['build', ...args, '-f', '-', home], console), ...console.written };
  }

  test('is shown all at once, each with its place', async () => {
    const { status, err } = await build();
    expect(err).toContain('hyperfile: error: - has 2 errors\n');
    expect(err).toContain('-:1:1: error: unknown instruction FRMO');
    expect(err).toContain('  1 | FRMO scratch\n    | ^^^^\n');
    expect(err).toContain('-:2:1: error: COPY takes');
    expect(status).toBe(3);
  });

  test('comes as places and messages in JSON', async () => {
    const { status, out } = await build('--progress=json');
    expect(JSON.parse(out)).toMatchObject({
      type: 'error',
      code: 'LANG_ERRORS',
      diagnostics: [{ at: { line: 1, column: 1, endColumn: 5, text: 'FRMO scratch' } }, { at: { line: 2 } }],
    });
    expect(status).toBe(3);
  });
});

describe('an error that nobody expected', () => {
  test('is one line and a request to report it, without a stack', () => {
    const { err, status } = report(new TypeError('x is undefined\nand more'));
    expect(err).toContain('hyperfile: error: TypeError: x is undefined\n');
    expect(err).toContain('bug in hyperfile: please report it');
    expect(err).not.toContain('report-error.test');
    expect(status).toBe(1);
  });

  test('shows its stack and those of its causes under HYPERFILE_DEBUG', () => {
    const error = new Error('outer', { cause: new Error('inner') });
    const { err } = report(error, { env: { HYPERFILE_DEBUG: '1' } });
    expect(err).toMatch(/Error: outer\n {4}at .*report-error\.test/);
    expect(err).toContain('caused by Error: inner');
  });

  test('may be anything that can be thrown', () => {
    expect(report('just a string').err).toContain('just a string');
    expect(report(undefined).err).toContain('undefined');
  });

  test('that means a full disk is told as such', () => {
    const error = Object.assign(new Error('ENOSPC: no space left'), { code: 'ENOSPC', path: '/store/x' });
    expect(report(error).err).toContain('no space left on the disk that holds /store/x');
  });
});
