import { describe, expect, it } from 'vitest';
import { openContext } from '../../src/fs/build-context.ts';
import { parseIgnore } from '../../src/fs/ignore-file.ts';
import { codeOf, plant, scratchFolder } from './scratch.ts';

describe('an ignore file', () => {
  // What Docker's own documentation and tests of its matcher say.
  it.each([
    ['*/temp*', 'somedir/temporary.txt', true],
    ['*/temp*', 'somedir/sub/temporary.txt', false],
    ['*/*/temp*', 'somedir/sub/temporary.txt', true],
    ['temp?', 'tempa', true],
    ['temp?', 'temp', false],
    ['**/*.go', 'a/b/c.go', true],
    ['**/*.go', 'c.go', true],
    ['**/foo', 'foo', true],
    ['**/foo', 'a/foo', true],
    ['**/foo', 'afoo', false],
    ['**foo', 'afoo', true],
    ['a/**', 'a/b/c', true],
    ['a/**', 'a', false],
    ['a/**/b', 'a/b', true],
    ['a/**/b', 'a/x/y/b', true],
    ['**', 'anything/at/all', true],
    ['abc**', 'abcd/e', true],
    ['/foo/bar', 'foo/bar', true],
    ['foo/bar/', 'foo/bar', true],
    ['./foo/../bar', 'bar', true],
    ['dir', 'dir/below/it', true],
    ['*.md\n!README*.md\nREADME-secret.md', 'README.md', false],
    ['*.md\n!README*.md\nREADME-secret.md', 'README-secret.md', true],
    ['*.md\nREADME-secret.md\n!README*.md', 'README-secret.md', false],
    ['dir\n!dir/keep', 'dir/keep', false],
    ['dir\n!dir/keep', 'dir/other', true],
    ['# comment\n\n  spaced  ', 'spaced', true],
    [' # no comment', '# no comment', true],
    ['\uFEFFbom', 'bom', true],
    ['a\\ b', 'a b', true],
    ['with[bc]', 'withb', true],
    ['crlf\r\nnext', 'crlf', true],
    ['.', 'file', false],
  ])('%j against %s: %s', (text, file, expected) => {
    expect(parseIgnore(text).ignores(file, false)).toBe(expected);
  });

  it.each(['[', 'ok\n!', 'a[', '[a-'])('with the line %j is refused', async (text) => {
    expect(await codeOf(() => parseIgnore(text))).toBe('FS_IGNORE_PATTERN');
  });

  it('tells whether something below an excluded directory may be taken back', () => {
    const { reincludesBelow } = bound(parseIgnore('*\n!a/b/*.txt\n!**/deep\nx'));
    expect(reincludesBelow('a')).toBe(true);
    const plain = bound(parseIgnore('*\n!a/b/*.txt\nx'));
    expect(['a', 'a/b', 'a/b/c', 'b'].map(plain.reincludesBelow)).toEqual([true, true, false, false]);
    expect(reincludesBelow('q/r/s')).toBe(true);
  });
});

describe('a build context', () => {
  it('takes the ignore file beside the recipe before its own', async () => {
    const context = plant(scratchFolder(), {
      '.dockerignore': 'a',
      '.hyperignore': 'b',
      'Hyperfile.dockerignore': 'c',
    });
    const beside = await openContext(context, `${context}/Hyperfile`);
    expect(['a', 'b', 'c'].map((name) => beside.ignores?.(name, false))).toEqual([false, false, true]);
    const own = await openContext(context, `${context}/Other`);
    expect(['a', 'b', 'c'].map((name) => own.ignores?.(name, false))).toEqual([false, true, false]);
  });

  it('that is no folder is refused', async () => {
    const folder = plant(scratchFolder(), { file: '' });
    expect(await codeOf(() => openContext(`${folder}/none`, undefined))).toBe('FS_CONTEXT_MISSING');
    expect(await codeOf(() => openContext(`${folder}/file`, undefined))).toBe('FS_CONTEXT_MISSING');
  });
});

function bound(ignore: ReturnType<typeof parseIgnore>): { reincludesBelow: (path: string) => boolean } {
  return { reincludesBelow: (path) => ignore.reincludesBelow(path) };
}
