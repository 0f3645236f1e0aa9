import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, chownSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { openContext } from '../../src/fs/build-context.ts';
import { digestTree } from '../../src/fs/digest-tree.ts';
import { FileDigestCache, type FileDigests } from '../../src/fs/file-digest-cache.ts';
import { MountedFiles } from '../../src/fs/mounted-files.ts';
import { describeWith } from '../support/needs.ts';
import { codeOf, plant, scratchFolder } from './scratch.ts';

const FILES = { 'd/a': 'A', 'd/sub/b': 'B', 'd/link': '-> a', 'other.txt': 'O', '.dockerignore': 'ignored' };

async function digest(context: string, sources = ['.'], cache?: FileDigests): Promise<string> {
  return digestTree(await openContext(context, undefined), sources, cache ? { cache } : {});
}

describe('the digest of a source', () => {
  it('is the same for the same files elsewhere, at another time and under another name', async () => {
    const one = plant(scratchFolder(), FILES);
    const two = plant(scratchFolder(), Object.fromEntries(Object.entries(FILES).reverse()));
    utimesSync(`${two}/d/a`, 1, 1);
    expect(await digest(one)).toBe(await digest(two));
    const renamed = plant(scratchFolder(), { 'e/a': 'A', 'e/sub/b': 'B', 'e/link': '-> a' });
    expect(await digest(one, ['d'])).toBe(await digest(renamed, ['e']));
  });

  it.each<[string, (context: string) => void]>([
    ['the bytes of a file', (context) => appendFileSync(`${context}/d/sub/b`, '!')],
    ['a name', (context) => execFileSync('mv', [`${context}/d/a`, `${context}/d/c`])],
    ['a mode', (context) => chmodSync(`${context}/d/a`, 0o755)],
    ['the mode of a directory', (context) => chmodSync(`${context}/d/sub`, 0o700)],
    ['where a link leads', (context) => execFileSync('ln', ['-sfn', 'b', `${context}/d/link`])],
    [
      'what kind of file it is',
      (context) => execFileSync('sh', ['-c', `rm ${context}/d/a; mkfifo ${context}/d/a`]),
    ],
    ['an empty directory', (context) => execFileSync('mkdir', [`${context}/d/new`])],
    ['an added file', (context) => writeFileSync(`${context}/d/new`, '')],
  ])('changes with %s', async (_, change) => {
    const context = plant(scratchFolder(), FILES);
    const before = await digest(context);
    change(context);
    expect(await digest(context)).not.toBe(before);
  });

  it('does not change with what is not copied: ignored files, other sources, times', async () => {
    const context = plant(scratchFolder(), FILES);
    const [all, some] = [await digest(context), await digest(context, ['d', '*.txt'])];
    writeFileSync(`${context}/ignored`, 'x');
    utimesSync(`${context}/d`, 5, 5);
    expect(await digest(context)).toBe(all);
    writeFileSync(`${context}/more`, 'x');
    expect(await digest(context, ['d', '*.txt'])).toBe(some);
    expect(await digest(context)).not.toBe(all);
  });

  it('is refused for what a copy would refuse', async () => {
    const context = plant(scratchFolder(), { ...FILES, out: '-> /etc' });
    expect(await codeOf(() => digest(context, ['none']))).toBe('FS_SOURCE_MISSING');
    expect(await codeOf(() => digest(context, ['../x']))).toBe('FS_OUTSIDE_CONTEXT');
    expect(await codeOf(() => digest(context, ['out/passwd']))).toBe('FS_OUTSIDE_CONTEXT');
  });
});

describeWith(['root'], 'the digest of a source, as root,', () => {
  it('covers owners only where a copy keeps them', async () => {
    const tree = plant(scratchFolder(), FILES);
    const stage = await new MountedFiles(tree, { label: 'stage' }).asSource();
    const before = [await digest(tree), await digestTree(stage, ['/'])];
    chownSync(`${tree}/d/a`, 12, 34);
    expect(await digest(tree)).toBe(before[0]);
    expect(await digestTree(stage, ['/'])).not.toBe(before[1]);
  });
});

describeWith(['root', 'getfattr', 'setfattr'], 'the digest of a source, with extended attributes,', () => {
  it('covers those that a copy keeps', async () => {
    const context = plant(scratchFolder(), FILES);
    const before = await digest(context);
    execFileSync('setfattr', ['-n', 'user.note', '-v', 'hello', `${context}/d/a`]);
    expect(await digest(context)).not.toBe(before);
  });
});

describe('the cache of file digests', () => {
  beforeEach(() => {
    // Files made now are old enough to be remembered.
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 10_000 });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('spares reading what has not changed, also in the next process', async () => {
    const context = plant(scratchFolder(), FILES);
    const file = `${scratchFolder()}/store/digests`;
    const cache = await FileDigestCache.load(file);
    const first = await digest(context, ['.'], cache);
    await cache.save();
    const again = counting(await FileDigestCache.load(file));
    expect(await digest(context, ['.'], again)).toBe(first);
    expect(again.misses).toBe(0);
    appendFileSync(`${context}/d/a`, '!');
    expect(await digest(context, ['.'], again)).not.toBe(first);
    expect(again.misses).toBe(1);
  });

  it('does not trust a file that changed just before', async () => {
    vi.useRealTimers();
    const context = plant(scratchFolder(), FILES);
    const cache = counting(await FileDigestCache.load(`${scratchFolder()}/digests`));
    await digest(context, ['.'], cache);
    const { misses } = cache;
    await digest(context, ['.'], cache);
    expect(cache.misses).toBe(2 * misses);
  });

  it('begins anew when its file is damaged in any way', async () => {
    const context = plant(scratchFolder(), FILES);
    const file = `${scratchFolder()}/digests`;
    const cache = await FileDigestCache.load(file);
    const right = await digest(context, ['.'], cache);
    await cache.save();
    const whole = readFileSync(file);
    for (let at = 0; at < whole.length; at += 13) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      writeFileSync(file, damaged);
      expect(await digest(context, ['.'], await FileDigestCache.load(file))).toBe(right);
    }
    for (const length of [0, 7, 16, 95, whole.length - 1]) {
      writeFileSync(file, whole.subarray(0, length));
      expect(await digest(context, ['.'], await FileDigestCache.load(file))).toBe(right);
    }
  });

  it('forgets what nobody has asked for in a month', async () => {
    const context = plant(scratchFolder(), FILES);
    const file = `${scratchFolder()}/digests`;
    const cache = await FileDigestCache.load(file);
    await digest(context, ['.'], cache);
    await cache.save();
    const before = readFileSync(file).length;
    vi.setSystemTime(Date.now() + 31 * 24 * 60 * 60 * 1000);
    const later = await FileDigestCache.load(file);
    await digest(context, ['other.txt'], later);
    await later.save();
    expect(readFileSync(file).length).toBeLessThan(before);
    expect(readFileSync(file).length).toBeGreaterThan(16);
  });
});

function counting(cache: FileDigestCache): FileDigests & { misses: number } {
  return {
    misses: 0,
    get(stat, hostPath) {
      const digest = cache.get(stat, hostPath);
      if (digest === undefined) this.misses++;
      return digest;
    },
    set: (...args) => cache.set(...args),
  };
}
