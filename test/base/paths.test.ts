import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import { storeFolder } from '../../src/base/paths.ts';

test('the store is where HYPERFILE_STORE says, else where its older name HYPERFILE_HOME does', () => {
  expect(storeFolder({ HYPERFILE_STORE: '/no/a', HYPERFILE_HOME: '/no/b' }, 'linux')).toBe('/no/a');
  expect(storeFolder({ HYPERFILE_HOME: '/no/b' }, 'linux')).toBe('/no/b');
});

test('the store follows the habits of each platform', () => {
  expect(storeFolder({ XDG_DATA_HOME: '/no/data' }, 'linux')).toBe('/no/data/hyperfile');
  expect(storeFolder({ XDG_DATA_HOME: 'relative' }, 'linux')).toMatch(/\/\.local\/share\/hyperfile$/);
  expect(storeFolder({ LOCALAPPDATA: '/no/local' }, 'win32')).toBe('/no/local/Hyperfile');
  expect(storeFolder({ LOCALAPPDATA: '' }, 'win32')).toMatch(/AppData.Local.Hyperfile$/);
  expect(storeFolder({}, 'darwin')).toMatch(/\/Library\/Application Support\/hyperfile$/);
});

test('the folder is the one on the disk, however it is spelled, and whether it is there yet', () => {
  const folder = realpathSync.native(mkdtempSync(path.join(os.tmpdir(), 'paths-')));
  try {
    const [real, link] = ['real', 'link'].map((name) => path.join(folder, name));
    mkdirSync(path.join(real, 'store'), { recursive: true });
    symlinkSync(real, link);
    for (const store of ['store', 'new/store'])
      expect(storeFolder({ HYPERFILE_STORE: path.join(link, store) })).toBe(path.join(real, store));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
