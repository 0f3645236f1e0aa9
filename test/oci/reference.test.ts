import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isHyperfileError } from '../../src/base/error.ts';
import {
  formatReference,
  normalizeName,
  parseReference,
  wantedManifest,
  type Reference,
} from '../../src/oci/reference.ts';

const DIGEST = `sha256:${'a1'.repeat(32)}`;

const lower = 'abcxyz019'.split('');
const word = fc.string({ unit: fc.constantFrom(...lower), minLength: 1, maxLength: 5 });
const component = fc
  .array(fc.tuple(word, fc.constantFrom('.', '_', '__', '-', '---')), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.map(([text, separator], index) => (index === 0 ? text : separator + text)).join(''));
const path = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
const host = fc.oneof(
  fc.constantFrom('localhost', 'localhost:5000', '[::1]:443', '[2001:db8::1]', 'UPPER', 'a-b.example'),
  fc.tuple(word, word, fc.nat(65535)).map(([one, two, port]) => `${one}.${two}:${port}`),
);
const tag = fc
  .tuple(
    fc.constantFrom('_', 'a', 'Z', '0'),
    fc.string({ unit: fc.constantFrom('a', 'Z', '.', '-', '_'), maxLength: 127 }),
  )
  .map((parts) => parts.join(''));

const reference: fc.Arbitrary<Reference> = fc
  .record({ host, path, tag, digest: fc.constant(DIGEST) }, { requiredKeys: ['path'] })
  .map((parts): Reference => ({ ...parts }))
  // Without a host, a first component with a dot would be read as one.
  .filter(({ host, path }) => host !== undefined || !/^[^/]*\..*\//.test(path));

describe('an image name', () => {
  test('is the same after being written and read', () => {
    fc.assert(
      fc.property(reference, (value) => {
        expect(parseReference(formatReference(value))).toEqual(value);
      }),
    );
  });

  test('of any text is a reference that writes back to that text, or an error that names it', () => {
    const piece = fc.constantFrom(
      'a',
      'A',
      '0',
      '.',
      '-',
      '_',
      '/',
      ':',
      '@',
      '[',
      ']',
      DIGEST,
      'localhost',
      ' ',
      '\u00e9',
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(piece, { maxLength: 7 }).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(text, (value) => {
        try {
          expect(formatReference(parseReference(value))).toBe(value);
        } catch (error) {
          if (!isHyperfileError(error, 'STORE_NAME_INVALID')) throw error;
          expect(error.message).toContain(value);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('is normal after being normalised', () => {
    fc.assert(
      fc.property(reference, (value) => {
        const normal = normalizeName(formatReference(value));
        expect(normalizeName(normal)).toBe(normal);
      }),
    );
  });

  test.each<[string, Reference]>([
    ['web', { path: 'web' }],
    ['web:1.2-RC_3', { path: 'web', tag: '1.2-RC_3' }],
    ['team/web', { path: 'team/web' }],
    ['localhost/web', { host: 'localhost', path: 'web' }],
    ['localhost:5000/web:1', { host: 'localhost:5000', path: 'web', tag: '1' }],
    ['host.example/a/b__c/d--e', { host: 'host.example', path: 'a/b__c/d--e' }],
    ['HOST/web', { host: 'HOST', path: 'web' }],
    ['[::1]:443/web', { host: '[::1]:443', path: 'web' }],
    [`web@${DIGEST}`, { path: 'web', digest: DIGEST }],
    [`a.b/web:1@${DIGEST}`, { host: 'a.b', path: 'web', tag: '1', digest: DIGEST }],
    ['xn--7o8h.example/web', { host: 'xn--7o8h.example', path: 'web' }],
  ])('%s is understood as Docker does', (text, expected) => {
    expect(parseReference(text)).toEqual(expected);
  });

  test.each([
    ['', 'no name'],
    [':tag', 'no name'],
    ['@', 'digest'],
    ['Web', 'upper-case'],
    ['a/B', 'upper-case'],
    ['-web', 'not made of'],
    ['web-', 'not made of'],
    ['a..b', 'not made of'],
    ['a___b', 'not made of'],
    ['a//b', 'not made of'],
    ['/a', 'not made of'],
    ['a/', 'not made of'],
    ['a b', 'not made of'],
    ['web:', 'not a tag'],
    ['web:-x', 'not a tag'],
    [`web:${'x'.repeat(129)}`, 'not a tag'],
    ['a:b/c', 'not a host'],
    ['host.:80/c', 'not a host'],
    ['web@sha256:12', 'not a digest'],
    [`web@sha256:${'A1'.repeat(32)}`, 'not a digest'],
    [`${DIGEST.replace('sha256:', 'web@sha256:')}00`, 'not a digest'],
    ['a0'.repeat(32), 'image id'],
  ])('%j is refused with the reason', (text, reason) => {
    if (text === 'a'.repeat(64)) text = 'a0'.repeat(32);
    expect(() => parseReference(text)).toThrow(reason);
  });

  test.each([256, 10_000])('of %i characters is refused as too long', (length) => {
    expect(() => parseReference('x'.repeat(length))).toThrow('too long');
  });

  test('says what to ask a repository for: its digest before its tag', () => {
    expect(wantedManifest(parseReference('a.b:1/web'))).toBe('latest');
    expect(wantedManifest(parseReference('web:1'))).toBe('1');
    expect(wantedManifest(parseReference(`web:1@${DIGEST}`))).toBe(DIGEST);
  });

  test('gets the tag latest, unless it says another or a digest', () => {
    expect(normalizeName('a.b:1/web')).toBe('a.b:1/web:latest');
    expect(normalizeName('web:1')).toBe('web:1');
    expect(normalizeName(`web@${DIGEST}`)).toBe(`web@${DIGEST}`);
  });
});
