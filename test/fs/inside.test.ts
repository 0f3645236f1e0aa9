import fc from 'fast-check';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { resolveInside, traceInside } from '../../src/fs/inside.ts';
import { codeOf, plant, scratchFolder } from './scratch.ts';

describe('a path in a guest', () => {
  it('restarts at the root for an absolute link', () => {
    const root = plant(scratchFolder(), { 'usr/lib/x': '', lib: '-> /usr/lib' });
    expect(resolveInside(root, '/lib/x')).toBe(`${root}/usr/lib/x`);
  });

  it('stays at the root however many .. it has', () => {
    const root = plant(scratchFolder(), { 'etc/passwd': 'guest', up: '-> ../../../../etc' });
    expect(resolveInside(root, '/../../etc/passwd')).toBe(`${root}/etc/passwd`);
    expect(resolveInside(root, '/up/passwd')).toBe(`${root}/etc/passwd`);
  });

  it('may end in names that do not exist yet', () => {
    const root = plant(scratchFolder(), { run: '-> /var/run' });
    expect(resolveInside(root, '/run/new/file')).toBe(`${root}/var/run/new/file`);
    expect(resolveInside(root, '/a/missing/../b')).toBe(`${root}/a/b`);
  });

  it('keeps a link in the last place when asked to', () => {
    const root = plant(scratchFolder(), { a: '-> b' });
    expect(traceInside(root, '/a', false).hostPath).toBe(`${root}/a`);
    expect(traceInside(root, '/a').hostPath).toBe(`${root}/b`);
  });

  it('is refused when links go in circles', async () => {
    const root = plant(scratchFolder(), { a: '-> b', b: '-> a', self: '-> self/x' });
    expect(await codeOf(() => resolveInside(root, '/a/file'))).toBe('FS_LINK_LOOP');
    expect(await codeOf(() => resolveInside(root, '/self'))).toBe('FS_LINK_LOOP');
  });

  it('is refused when it goes through a file, or holds a zero byte', async () => {
    const root = plant(scratchFolder(), { file: '' });
    expect(await codeOf(() => resolveInside(root, '/file/below'))).toBe('FS_NOT_A_DIRECTORY');
    expect(resolveInside(root, '/file/')).toBe(`${root}/file`);
    expect(await codeOf(() => resolveInside(root, '/a\0b'))).toBe('FS_NAME_INVALID');
  });

  it('never leaves the root, whatever links and dots are in the way', () => {
    const root = plant(scratchFolder(), {
      'd/e/': '',
      abs: '-> /d',
      up: '-> ../..',
      out: '-> /etc',
      'd/back': '-> ../../up',
    });
    const names = fc.constantFrom('..', '.', '', 'd', 'e', 'abs', 'up', 'out', 'back', 'new');
    fc.assert(
      fc.property(fc.array(names, { maxLength: 12 }), (parts) => {
        const resolved = resolveInside(root, parts.join('/'));
        return resolved === root || path.normalize(resolved).startsWith(root + '/');
      }),
    );
  });
});
