import fs, { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { diskFullAt, replaceFile, replaceFileDurably, syncFolder } from '../../src/base/atomic-file.ts';

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'hyperfile-file-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** Makes renaming fail with a system code the first few times, and the platform look like Windows. */
function refuseRenames(code: string, times: number): void {
  const { renameSync } = fs;
  const platform = process.platform;
  let left = times;
  fs.renameSync = (...args) => {
    if (left-- > 0) throw Object.assign(new Error(code), { code });
    renameSync(...args);
  };
  Object.defineProperty(process, 'platform', { value: 'win32' });
  syncBuiltinESMExports();
  onTestFinished(() => {
    fs.renameSync = renameSync;
    Object.defineProperty(process, 'platform', { value: platform });
    syncBuiltinESMExports();
  });
}

describe.each([
  ['replaceFile', async (file: string, text: string) => Promise.resolve(replaceFile(file, text))],
  ['replaceFileDurably', replaceFileDurably],
])('%s', (_, replace) => {
  test('makes a file, and its folder, and replaces it', async () => {
    const file = path.join(folder(), 'a', 'b');
    await replace(file, 'one');
    await replace(file, '\u00e9\u{1f600}');
    await syncFolder(path.dirname(file));
    expect(readFileSync(file, 'utf8')).toBe('\u00e9\u{1f600}');
    expect(readdirSync(path.dirname(file))).toEqual(['b']);
  });

  test('leaves the old file and no other when it fails', async () => {
    const file = path.join(folder(), 'file');
    fs.mkdirSync(path.join(file, 'in-the-way'), { recursive: true });
    await expect((async () => replace(file, 'new'))()).rejects.toThrow();
    expect(readdirSync(path.dirname(file))).toEqual(['file']);
  });

  test('tries again when the target is open for a moment on Windows', async () => {
    const file = path.join(folder(), 'file');
    writeFileSync(file, 'old');
    refuseRenames('EPERM', 3);
    await replace(file, 'new');
    expect(readFileSync(file, 'utf8')).toBe('new');
  });

  test('does not try again for other errors', async () => {
    const file = path.join(folder(), 'file');
    refuseRenames('EXDEV', 1);
    await expect((async () => replace(file, 'new'))()).rejects.toThrow('EXDEV');
    expect(readdirSync(path.dirname(file))).toEqual([]);
  });
});

test('a disk or a quota that is full has one name', () => {
  for (const code of ['ENOSPC', 'EDQUOT']) {
    expect(diskFullAt('/a', Object.assign(new Error(), { code }))).toMatchObject({
      code: 'DISK_FULL',
      data: { path: '/a' },
    });
  }
  const other = new Error();
  expect(diskFullAt('/a', other)).toBe(other);
});
