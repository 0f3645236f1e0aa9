import fs, { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { HyperfileError } from '../../src/base/error.ts';
import { writeNewFile } from '../../src/base/new-file.ts';

function folder(): string {
  const made = mkdtempSync(path.join(tmpdir(), 'hyperfile-new-'));
  onTestFinished(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** Writes text and one scratch file; returns what was in the folder meanwhile. */
function writing(text: string) {
  return ({ path: partial, scratch }: { path: string; scratch: () => string }) => {
    writeFileSync(partial, text);
    writeFileSync(scratch(), 'meanwhile');
    return Promise.resolve(readdirSync(path.dirname(partial)));
  };
}

describe('a new file', () => {
  test.each([false, true])('has its name once it is whole (durable: %s)', async (durable) => {
    const target = path.join(folder(), 'disk.vhdx');
    const meanwhile = await writeNewFile(target, writing('whole'), { durable });
    expect(meanwhile).toHaveLength(2);
    expect(meanwhile).not.toContain('disk.vhdx');
    expect(readFileSync(target, 'utf8')).toBe('whole');
    expect(fs.statSync(target).nlink).toBe(1);
    expect(readdirSync(path.dirname(target))).toEqual(['disk.vhdx']);
  });

  test('leaves nothing when writing fails, and the error has its name', async () => {
    const target = path.join(folder(), 'disk.vhdx');
    const failing = writeNewFile(target, async (file) => {
      await writing('half')(file);
      throw new HyperfileError('DISK_FULL', { data: { path: file.path } });
    });
    await expect(failing).rejects.toMatchObject({ code: 'DISK_FULL', data: { path: target } });
    const full = writeNewFile(target, () => Promise.reject(Object.assign(new Error(), { code: 'ENOSPC' })));
    await expect(full).rejects.toMatchObject({ code: 'DISK_FULL', data: { path: target } });
    expect(readdirSync(path.dirname(target))).toEqual([]);
  });

  test('never replaces what is there, or what somebody else makes meanwhile', async () => {
    const target = path.join(folder(), 'disk.vhdx');
    const late = writeNewFile(target, async (file) => {
      await writing('mine')(file);
      writeFileSync(target, 'theirs');
    });
    await expect(late).rejects.toMatchObject({ code: 'OUTPUT_EXISTS', data: { path: target } });
    const write = vi.fn(writing('mine'));
    await expect(writeNewFile(target, write)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    const dangling = path.join(path.dirname(target), 'link');
    symlinkSync('nowhere', dangling);
    await expect(writeNewFile(dangling, write)).rejects.toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(write).not.toHaveBeenCalled();
    expect(readFileSync(target, 'utf8')).toBe('theirs');
    expect(readdirSync(path.dirname(target)).sort()).toEqual(['disk.vhdx', 'link']);
  });

  test('needs a folder', async () => {
    const missing = path.join(folder(), 'missing');
    const writingThere = writeNewFile(path.join(missing, 'disk.vhdx'), writing(''));
    await expect(writingThere).rejects.toMatchObject({ code: 'OUTPUT_FOLDER', data: { folder: missing } });
  });

  test('is renamed where there are no links', async () => {
    const { link } = fs.promises;
    fs.promises.link = () => Promise.reject(Object.assign(new Error(), { code: 'EPERM' }));
    syncBuiltinESMExports();
    onTestFinished(() => {
      fs.promises.link = link;
      syncBuiltinESMExports();
    });
    const target = path.join(folder(), 'disk.vhdx');
    await writeNewFile(target, writing('whole'));
    expect(readdirSync(path.dirname(target))).toEqual(['disk.vhdx']);
  });

  test('comes with the removal of what killed writers left in the folder', async () => {
    const place = folder();
    writeFileSync(path.join(place, '.unfinished-1-1-00000000-1.0123456789ab'), 'half');
    writeFileSync(path.join(place, 'other'), '');
    await writeNewFile(path.join(place, 'disk.vhdx'), writing('whole'));
    expect(readdirSync(place).sort()).toEqual(['disk.vhdx', 'other']);
  });

  test('is noted with all its scratch files while it is unfinished', async () => {
    const noted = new Set<string>();
    const session = {
      claim: (file: string) => void noted.add(file),
      discard: (file: string) => {
        noted.delete(file);
        rmSync(file, { force: true });
      },
    };
    const target = path.join(folder(), 'disk.vhdx');
    await writeNewFile(
      target,
      async (file) => {
        await writing('whole')(file);
        expect(noted).toEqual(
          new Set(readdirSync(path.dirname(target)).map((n) => path.join(path.dirname(target), n))),
        );
      },
      { session },
    );
    expect(noted.size).toBe(0);
  });
});
