/** Folders that only their account looks into. */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { makePrivateFolder } from '../../src/base/private-folder.ts';
import { poseAs } from '../support/pose-as.ts';

let parent: string;

beforeEach(() => {
  parent = mkdtempSync(path.join(os.tmpdir(), 'private-'));
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(parent, { recursive: true });
});

test('a private folder is closed to others by its mode', () => {
  const refuse = vi.fn(() => 'not here');
  const folder = makePrivateFolder(path.join(parent, 'new'), 'guest-', refuse);
  expect(statSync(folder).mode & 0o77).toBe(0);
  expect(refuse).not.toHaveBeenCalled();
});

test('on Windows it inherits nothing, and its account alone is let in', () => {
  poseAs('win32');
  vi.stubEnv('USERDOMAIN', 'HOST');
  const changeAccess = vi.fn(() => undefined);
  const folder = makePrivateFolder(parent, 'guest-', changeAccess);
  const account = `HOST\\${os.userInfo().username}:(OI)(CI)F`;
  expect(changeAccess).toHaveBeenCalledExactlyOnceWith([folder, '/inheritance:r', '/grant:r', account]);
  expect(existsSync(folder)).toBe(true);
});

test('there is none when Windows does not let it be private', () => {
  poseAs('win32');
  expect(() => makePrivateFolder(parent, 'guest-', () => 'Access is denied.')).toThrow('Access is denied.');
  expect(readdirSync(parent)).toEqual([]);
});
