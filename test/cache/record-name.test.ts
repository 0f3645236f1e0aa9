/** The tags of cache records. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { digitsOfTag, recordTag } from '../../src/cache/record-name.ts';
import { sha256Hex } from '../../src/oci/digest.ts';

const KEY = sha256Hex('a step');
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

test('a record is named after the tag of its cache and its key', () => {
  expect(recordTag('main', KEY)).toBe(`main-${KEY}`);
  expect(recordTag(undefined, KEY)).toBe(`cache-${KEY}`);
});

test('a key of another form is named by its digest', () => {
  expect(recordTag('main', 'tree-1')).toBe(`main-${sha256Hex('tree-1')}`);
});

test('every name is a tag, differs from that of another cache, and leads back to its key', () => {
  const tag = fc.stringMatching(/^[a-z0-9_][a-zA-Z0-9._-]{0,127}$/);
  fc.assert(
    fc.property(tag, tag, (one, other) => {
      const name = recordTag(one, KEY);
      expect(name).toMatch(TAG);
      expect(digitsOfTag(one, name)).toBe(KEY);
      if (one !== other) {
        expect(recordTag(other, KEY)).not.toBe(name);
        expect(digitsOfTag(other, name)).toBeUndefined();
      }
    }),
  );
});

test('other tags are no records', () => {
  expect(digitsOfTag('main', 'latest')).toBeUndefined();
  expect(digitsOfTag('main', `main-${KEY}0`)).toBeUndefined();
});
