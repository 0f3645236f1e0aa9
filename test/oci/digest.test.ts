import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, test } from 'vitest';
import {
  digestFromHex,
  digestHex,
  digestOf,
  digestOfFile,
  digestOfJson,
  isDigest,
} from '../../src/oci/digest.ts';

const EMPTY = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

test('text, bytes and files of the same content have one digest', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-digest-'));
  try {
    const file = path.join(folder, 'file');
    for (const content of ['', 'x'.repeat(3_000_000)]) {
      writeFileSync(file, content);
      expect(await digestOfFile(file)).toBe(digestOf(content));
      expect(digestOf(Buffer.from(content))).toBe(digestOf(content));
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
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
