import fs, { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { allocatedBytes } from '../../src/base/allocated-bytes.ts';
import { acquireLock, lockHolder } from '../../src/base/lock.ts';
import { isRefusedForNow, patiently, removeFile, renameOverOpen } from '../../src/base/patience.ts';
import { poseAs } from '../support/pose-as.ts';

function refusal(code: string): Error {
  return Object.assign(new Error(code), { code });
}

/** Fails the first few times. */
function refusing(code: string, times: number): () => string {
  let left = times;
  return () => {
    if (left-- > 0) throw refusal(code);
    return 'done';
  };
}

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'hyperfile-patience-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** A function of node:fs fails the first few times. */
function refuse(name: 'renameSync' | 'unlinkSync' | 'rmSync', code: string, times: number): void {
  const real = fs[name];
  const attempt = refusing(code, times);
  Object.assign(fs, {
    [name]: (...args: unknown[]): void => {
      attempt();
      (real as (...all: unknown[]) => void)(...args);
    },
  });
  syncBuiltinESMExports();
  onTestFinished(() => {
    Object.assign(fs, { [name]: real });
    syncBuiltinESMExports();
  });
}

describe('on Windows', () => {
  test.each(['EPERM', 'EBUSY', 'EACCES'])('what is refused with %s is tried again', (code) => {
    poseAs('win32');
    expect(patiently(refusing(code, 3))).toBe('done');
    expect(() => patiently(refusing(code, 3), 3)).toThrow(code);
    expect(isRefusedForNow(refusal(code))).toBe(true);
  });

  test('what is wrong for good fails at once', () => {
    poseAs('win32');
    expect(() => patiently(refusing('ENOENT', 1))).toThrow('ENOENT');
  });

  test('a lock is given up although its file is looked at just then', async () => {
    const lock = path.join(folder(), 'lock');
    poseAs('win32');
    const held = await acquireLock(lock);
    expect(readFileSync(lock, 'utf8')).toMatch(/^\d+-/);
    expect(lockHolder(lock)?.pid).toBe(process.pid);
    refuse('unlinkSync', 'EBUSY', 2);
    held.release();
    expect(existsSync(lock)).toBe(false);
  });

  test('an open file is moved aside for the new one', () => {
    const at = (name: string): string => path.join(made, name);
    const made = folder();
    writeFileSync(at('old'), 'old');
    writeFileSync(at('new'), 'new');
    poseAs('win32');
    renameOverOpen(at('new'), at('old'));
    expect(readFileSync(at('old'), 'utf8')).toBe('new');
    expect(readdirSync(made)).toEqual(['old']);
    expect(() => renameOverOpen(at('missing'), at('old'))).toThrow('ENOENT');
    expect(readFileSync(at('old'), 'utf8')).toBe('new');
    expect(readdirSync(made)).toEqual(['old']);
  });

  test('a file that tells no blocks occupies its size', () => {
    expect(allocatedBytes({ size: 5000, blocks: 0 }, 'win32')).toBe(5000);
    expect(allocatedBytes({ size: 5000, blocks: undefined as never }, 'win32')).toBe(5000);
    expect(allocatedBytes({ size: 5000, blocks: 16 }, 'win32')).toBe(8192);
    expect(allocatedBytes({ size: 5000, blocks: 0 }, 'linux')).toBe(0);
  });
});

test('elsewhere nothing is tried twice', () => {
  expect(() => patiently(refusing('EPERM', 1))).toThrow('EPERM');
  expect(isRefusedForNow(refusal('EPERM'))).toBe(false);
  refuse('rmSync', 'EBUSY', 1);
  expect(() => removeFile(path.join(tmpdir(), 'hyperfile-is-not-there'))).toThrow('EBUSY');
});
