import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromWindowsPath } from '../../../src/fs/windows/guest-path.ts';
import { parseLinkTarget } from '../../../src/fs/windows/link-target.ts';
import { parseReparseData } from '../../../src/fs/windows/reparse-point.ts';
import { codeOf } from '../scratch.ts';

describe('the target of a link', () => {
  it.each(['C:\\a\\b', '\\??\\C:\\a\\b', '\\\\?\\C:\\a\\b\\', 'C:/a/b', 'c:\\a\\.\\b'])(
    '%s is on a drive',
    (text) => {
      expect(parseLinkTarget(text)).toMatchObject({ from: 'drive', names: ['a', 'b'] });
    },
  );

  it('may be a drive itself', () => {
    expect(parseLinkTarget('\\??\\D:\\')).toEqual({ from: 'drive', drive: 'D:', names: [] });
    expect(parseLinkTarget('D:')).toEqual({ from: 'drive', drive: 'D:', names: [] });
  });

  it('may be at the root of the link’s own drive, or beside it', () => {
    expect(parseLinkTarget('\\a\\b')).toEqual({ from: 'root', names: ['a', 'b'] });
    expect(parseLinkTarget('/a/b')).toEqual({ from: 'root', names: ['a', 'b'] });
    expect(parseLinkTarget('..\\a')).toEqual({ from: 'here', names: ['..', 'a'] });
    expect(parseLinkTarget('.')).toEqual({ from: 'here', names: [] });
  });

  it.each([
    '\\\\server\\share\\x',
    '//server/share',
    '\\\\?\\UNC\\server\\share',
    '\\??\\UNC\\server\\share',
    '\\\\?\\Volume{12345678-1234-1234-1234-123456789abc}\\',
    '\\??\\Volume{12345678-1234-1234-1234-123456789abc}\\x',
    '\\\\.\\PhysicalDrive0',
    '\\\\?\\GLOBALROOT\\Device\\HarddiskVolume1\\x',
    'C:x',
  ])('%s is elsewhere', (text) => {
    expect(parseLinkTarget(text)).toEqual({ from: 'elsewhere' });
  });
});

describe('reparse data', () => {
  it('that is cut short or made up is no link, and nothing to stumble over', () => {
    const tags = fc.constantFrom('030000a0', '0c0000a0', '13000080', '1a000090', '1a700090');
    fc.assert(
      fc.property(tags, fc.uint8Array({ maxLength: 60 }), (tag, rest) => {
        const point = parseReparseData(Buffer.concat([Buffer.from(tag, 'hex'), rest]));
        expect(['link', 'other']).toContain(point.kind);
      }),
    );
    expect(parseReparseData(Buffer.alloc(0)).kind).toBe('other');
  });

  it('of other kinds is told by its name', () => {
    const describe = (hex: string): unknown => parseReparseData(Buffer.from(`${hex}0000000000`, 'hex'));
    expect(describe('13000080')).toEqual({ kind: 'other', tag: 'a deduplicated file' });
    expect(describe('1a700090')).toEqual({ kind: 'other', tag: 'a placeholder of cloud storage' });
    expect(describe('efbeadde')).toEqual({ kind: 'other', tag: 'kind 0xdeadbeef' });
  });
});

describe('a path in a Windows guest', () => {
  it.each([
    ['C:\\a\\b', '/a/b'],
    ['c:/a/b', '/a/b'],
    ['\\a', '/a'],
    ['/a/b', '/a/b'],
    ['C:\\a\\', '/a/'],
    ['C:\\a\\.', '/a/'],
    ['C:\\', '/'],
    ['C:\\a\\..\\..\\b', '/b'],
  ])('%s is %s to file steps', (written, inside) => {
    expect(fromWindowsPath(written, 'the guest')).toBe(inside);
  });

  it.each(['D:\\x', '\\\\server\\share\\x', '\\\\?\\Volume{0}\\x', 'C:x', 'D:'])(
    '%s is refused',
    async (written) => {
      expect(await codeOf(() => fromWindowsPath(written, 'the guest'))).toBe('FS_OTHER_DRIVE');
    },
  );
});
