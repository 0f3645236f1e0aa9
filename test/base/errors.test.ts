import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { ERROR_CODES } from '../../src/base/codes/index.ts';
import type { ErrorEntry } from '../../src/base/error-entry.ts';
import { HyperfileError, isHyperfileError, systemCode } from '../../src/base/error.ts';
import { errorPages } from '../../scripts/pages/errors.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const ENTRIES: [string, ErrorEntry][] = Object.entries(ERROR_CODES);

/** All of src but the table itself. */
const SOURCES = readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' })
  // Operations in PowerShell name their errors, too.
  .filter((file) => /\.(ts|ps1)$/.test(file) && !file.includes(path.join('base', 'codes')))
  .map((file) => readFileSync(path.join(ROOT, 'src', file), 'utf8'))
  .join('\n');

describe('every error code', () => {
  test('has a page that is current, and there is no other page', () => {
    const pages = errorPages();
    const found = readdirSync(path.join(ROOT, 'docs/errors'), 'utf8').map((name) => `docs/errors/${name}`);
    expect(found.sort()).toEqual([...pages.keys()].sort());
    for (const [file, text] of pages) expect(readFileSync(path.join(ROOT, file), 'utf8'), file).toBe(text);
  });

  test.each(ENTRIES.map(([code]) => code))('%s is used in src', (code) => {
    expect(new RegExp(`['"\`]${code}['"\`]`).test(SOURCES)).toBe(true);
  });

  test.each(ENTRIES)('%s reads well', (code, { message, why, todo }) => {
    expect(code).toMatch(/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/);
    // A message goes on after "error:", so it ends without a full stop and opens no place it does not close.
    expect(message).toMatch(/^(?!\s)(?:[^{}\n]|\{[a-z][A-Za-z]*\})+(?<![.\s])$/);
    for (const sentence of [why, todo]) expect(sentence).toMatch(/^\S[^\n]*[.?!]$/);
  });
});

describe('an error', () => {
  test('fills its message from its data, lists included, and leaves what it was not given', () => {
    const error = new HyperfileError('TOOL_FAILED', { data: { tool: 'tar', status: 2, output: ['a', 'b'] } });
    expect(error.message).toBe('tar failed with status 2: a, b');
    expect(new HyperfileError('TOOL_MISSING').message).toBe('{tool} is needed and was not found');
  });

  test('takes nothing but its own data for a place in its message', () => {
    expect(new HyperfileError('CLI_USAGE', { data: { problem: 'a {tool} $& b' } }).message).toBe(
      'a {tool} $& b',
    );
  });

  test('has the exit status and the advice of its code, or better advice', () => {
    expect(new HyperfileError('NOT_ROOT', { data: { action: 'x' } })).toMatchObject({
      exitStatus: 5,
      hint: ERROR_CODES.NOT_ROOT.todo,
    });
    expect(new HyperfileError('NOT_ROOT', { hint: 'better' }).hint).toBe('better');
  });

  test('is known by its code, also among others', () => {
    const error: unknown = new HyperfileError('DISK_FULL', { data: { path: '/' } });
    expect(isHyperfileError(error)).toBe(true);
    expect(isHyperfileError(error, 'NOT_ROOT', 'DISK_FULL')).toBe(true);
    expect(isHyperfileError(error, 'NOT_ROOT')).toBe(false);
    expect(isHyperfileError(new Error('x'))).toBe(false);
  });

  test('of the system has a code only when it is text', () => {
    expect(systemCode(Object.assign(new Error(), { code: 'ENOENT' }))).toBe('ENOENT');
    for (const other of [undefined, null, 'x', {}, { code: 1 }]) expect(systemCode(other)).toBeUndefined();
  });
});

describe('docs/cli.md', () => {
  test('is current', () => {
    execFileSync(process.execPath, [path.join(ROOT, 'scripts/generate.ts'), '--check'], { stdio: 'pipe' });
  });
});
