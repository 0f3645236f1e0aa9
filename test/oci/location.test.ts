import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isHyperfileError } from '../../src/base/error.ts';
import { formatLocation, parseLocation, referenceOf, type Location } from '../../src/oci/location.ts';

const DIGEST = `sha256:${'a1'.repeat(32)}`;

describe('a place of images', () => {
  test.each<[string, Location, string]>([
    ['web', { kind: 'registry', reference: { path: 'web' } }, 'latest'],
    ['docker://a.b:1/web:2', { kind: 'registry', reference: { host: 'a.b:1', path: 'web', tag: '2' } }, '2'],
    [`web@${DIGEST}`, { kind: 'registry', reference: { path: 'web', digest: DIGEST } }, DIGEST],
    [`web:1@${DIGEST}`, { kind: 'registry', reference: { path: 'web', tag: '1', digest: DIGEST } }, DIGEST],
    ['dir:1', { kind: 'registry', reference: { path: 'dir', tag: '1' } }, '1'],
    ['oci:folder', { kind: 'oci', path: 'folder' }, 'latest'],
    ['oci:/a b/c:1.0', { kind: 'oci', path: '/a b/c', tag: '1.0' }, '1.0'],
    ['oci:a:host:5000/web:1', { kind: 'oci', path: 'a', tag: 'host:5000/web:1' }, 'host:5000/web:1'],
    [`oci:a@${DIGEST}`, { kind: 'oci', path: 'a', tag: DIGEST }, DIGEST],
    ['oci:a@b', { kind: 'oci', path: 'a@b' }, 'latest'],
    ['oci:a@b:1', { kind: 'oci', path: 'a@b', tag: '1' }, '1'],
    ['oci:C:\\images\\web:1', { kind: 'oci', path: 'C:\\images\\web', tag: '1' }, '1'],
    ['oci:C:/images', { kind: 'oci', path: 'C:/images' }, 'latest'],
    ['oci-archive:./a.tar:1', { kind: 'oci-archive', path: './a.tar', tag: '1' }, '1'],
    ['docker-archive:a.tar', { kind: 'docker-archive', path: 'a.tar' }, 'latest'],
    ['docker-archive:a.tar:web:1', { kind: 'docker-archive', path: 'a.tar', tag: 'web:1' }, 'web:1'],
  ])('%s is understood', (text, location, wanted) => {
    expect(parseLocation(text)).toEqual(location);
    expect(formatLocation(location)).toBe(text.replace('docker://', ''));
    expect(referenceOf(location)).toBe(wanted);
  });

  test.each([
    ['oci:', 'names no file'],
    ['oci::tag', 'names no file'],
    ['oci:a:', 'empty tag'],
    ['oci:a@sha256:12', 'not a digest'],
    ['oci:a\0', 'zero byte'],
    ['https://host/web', '"https" is not a kind of place'],
    ['containers-storage:[a]b', '"containers-storage" is not a kind of place'],
    ['docker-daemon:/x', 'not a kind of place'],
    ['docker://', 'no name'],
    ['Web', 'upper-case'],
  ])('%j is refused with the reason', (text, reason) => {
    expect(() => parseLocation(text)).toThrow(reason);
  });

  test('of any text is a location or an error of ours', () => {
    const part = fc.constantFrom(
      'oci',
      'oci-archive',
      ':',
      '@',
      '/',
      'a',
      'sha256:',
      DIGEST,
      '\\',
      '\n',
      'C',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(part, { maxLength: 10 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (value) => {
        try {
          const location = parseLocation(value);
          expect(parseLocation(formatLocation(location))).toEqual(location);
        } catch (error) {
          if (!isHyperfileError(error)) throw error;
        }
      }),
      { numRuns: 2000 },
    );
  });
});
