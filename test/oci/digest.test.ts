import { expect, test } from 'vitest';
import { digestFromHex, digestHex, digestOf, digestOfJson, isDigest } from '../../src/oci/digest.ts';

const EMPTY = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

test('text and bytes of the same content have one digest', () => {
  for (const content of ['', 'x'.repeat(3_000_000)])
    expect(digestOf(Buffer.from(content))).toBe(digestOf(content));
});

test('a digest is known by its form', () => {
  expect(digestOf('')).toBe(EMPTY);
  expect(isDigest(EMPTY)).toBe(true);
  expect(digestFromHex(digestHex(EMPTY))).toBe(EMPTY);
  for (const other of [
    '',
    'sha256:',
    EMPTY.toUpperCase(),
    EMPTY.slice(0, -1),
    `${EMPTY}0`,
    digestHex(EMPTY),
  ]) {
    expect(isDigest(other), other).toBe(false);
  }
});

test('the digest of a value does not depend on the order of its keys', () => {
  expect(digestOfJson({ a: 1, b: 2 })).toBe(digestOfJson({ b: 2, a: 1 }));
});
