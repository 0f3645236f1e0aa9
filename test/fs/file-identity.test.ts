import { linkSync, lstatSync, type Stats } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { FileDigestCache } from '../../src/fs/file-digest-cache.ts';
import { fileIdentity } from '../../src/fs/file-identity.ts';
import { guarded } from '../../src/fs/system-error.ts';
import { codeOf, plant, scratchFolder } from './scratch.ts';

/** As a file system gives it whose inode numbers have 64 bits: the number in the stat is rounded. */
function withRoundedInode(hostPath: string): Stats {
  return Object.assign(lstatSync(hostPath), { ino: 2 ** 63, mtimeMs: 1000, ctimeMs: 1000 });
}

describe('a file', () => {
  it('is told from another by inode numbers that a number does not hold', () => {
    const root = plant(scratchFolder(), { a: 'A', b: 'B' });
    linkSync(`${root}/a`, `${root}/a2`);
    const identity = (name: string): string =>
      fileIdentity(withRoundedInode(`${root}/${name}`), `${root}/${name}`);
    expect(identity('a')).toBe(identity('a2'));
    expect(identity('a')).not.toBe(identity('b'));
    expect(identity('a')).toBe(fileIdentity(lstatSync(`${root}/a`), `${root}/a`));
  });

  it('whose inode number is rounded has its own digest, also in a later build', async () => {
    const root = plant(scratchFolder(), { a: 'A', b: 'B' });
    const cache = await FileDigestCache.load(`${root}/digests`);
    const [a, b] = [`${root}/a`, `${root}/b`];
    cache.set(withRoundedInode(a), a, 'aa'.repeat(32), Date.now());
    cache.set(withRoundedInode(b), b, 'bb'.repeat(32), Date.now());
    await cache.save();
    const later = await FileDigestCache.load(`${root}/digests`);
    expect(later.get(withRoundedInode(a), a)).toBe('aa'.repeat(32));
    expect(later.get(withRoundedInode(b), b)).toBe('bb'.repeat(32));
    expect(later.get(withRoundedInode(a), `${root}/c`)).toBeUndefined();
  });
});

describe('what the system refuses', () => {
  it.each(['EBUSY', 'EPERM', 'ENOTEMPTY', 'UNKNOWN'])(
    'as Windows does with %s is told by its path',
    async (code) => {
      const refuse = (): never => {
        throw Object.assign(new Error('refused'), { code });
      };
      expect(await codeOf(() => guarded('writing', 'C:\\x', refuse))).toBe('FS_FAILED');
    },
  );
});
