import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isHyperfileError } from '../../../src/base/error.ts';
import { checkWindowsName, foldName } from '../../../src/fs/windows/names.ts';

/** Why a name is refused; undefined when it is not. */
function refusal(name: string): string | undefined {
  try {
    checkWindowsName(name, `C:\\folder\\${name}`);
    return undefined;
  } catch (error) {
    if (!isHyperfileError(error, 'FS_NAME_INVALID')) throw error;
    expect(error.message).toContain(JSON.stringify(`C:\\folder\\${name}`));
    return String(error.data['reason']);
  }
}

describe('a name on Windows', () => {
  it.each([
    'con',
    'PRN',
    'Aux.txt',
    'nul',
    'NUL.tar.gz',
    'COM1',
    'com9.log',
    'LPT1',
    'lpt0',
    'conin$',
    'CONOUT$',
  ])('%s is a device’s', (name) => {
    expect(refusal(name)).toContain('device');
  });

  it.each(['COM¹', 'com².txt', 'LPT³'])('%s is a device’s with its superscript digit', (name) => {
    expect(refusal(name)).toContain('device');
  });

  it('with spaces between a device and its extension is the device’s', () => {
    expect(refusal('nul  .txt')).toContain('device');
  });

  it.each(['a.', 'a ', '...', 'a. .'])('%j ends as Windows ends none', (name) => {
    expect(refusal(name)).toContain('end of a name');
  });

  it.each(['<', '>', '"', '|', '?', '*', '/', '\\', '\u0001', '\u001f', '\n'])('has no %j', (character) => {
    expect(refusal(`a${character}b`)).toContain('no ');
  });

  it.each(['a:b', 'file.txt:stream', 'file:$DATA', 'C:'])('%s would be a stream or a drive', (name) => {
    expect(refusal(name)).toContain('stream');
  });

  it('has at most 255 UTF-16 units', () => {
    expect(refusal('x'.repeat(255))).toBeUndefined();
    expect(refusal('x'.repeat(256))).toContain('255');
    expect(refusal('😀'.repeat(127))).toBeUndefined();
    expect(refusal('😀'.repeat(128))).toContain('255');
  });

  it.each([
    'console',
    'com10',
    'com',
    'lpt',
    'nul-1',
    'auxiliary',
    '.config',
    'a b',
    'naïve',
    '日本',
    "it's",
    'a;b',
    '$x',
  ])('%s is fine', (name) => {
    expect(refusal(name)).toBeUndefined();
  });
});

describe('names that Windows takes for one', () => {
  it.each([
    ['readme', 'README'],
    ['ÄÖÜ', 'äöü'],
    ['日本.TXT', '日本.txt'],
  ])('%s and %s', (one, other) => {
    expect(foldName(one)).toBe(foldName(other));
  });

  it.each([
    ['straße', 'STRASSE'],
    ['ı', 'I'],
    ['ſ', 's'],
    ['a', 'á'],
    // One letter, twice spelled: NTFS compares units.
    ['é', 'e\u0301'],
  ])('are not %s and %s', (one, other) => {
    expect(foldName(one)).not.toBe(foldName(other));
  });

  it('have the same length, and fold once', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        const folded = foldName(name);
        expect(folded).toHaveLength(name.length);
        expect(foldName(folded)).toBe(folded);
      }),
    );
  });
});
