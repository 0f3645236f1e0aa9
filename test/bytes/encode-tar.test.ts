/** Headers of tar archives, as the reader of archives reads them back. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { encodeTarHeader, tarPadding, TAR_END, type TarMember } from '../../src/bytes/encode-tar.ts';
import type { TarEntry } from '../../src/fs/tar-entry.ts';
import { TarReader } from '../../src/fs/tar-reader.ts';

const name = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 150 })
  .map(
    (text) => text.replace(/[\0\uFFFD]|[\uD800-\uDFFF](?![\uDC00-\uDFFF])/g, '_').replace(/\/+$/, '') || 'x',
  )
  .filter((text) => !text.includes('\uFFFD') && Buffer.from(text).toString() === text);
const id = fc.oneof(fc.nat(0o7777777), fc.constantFrom(0o10000000, 0xffff_fffe));
const member: fc.Arbitrary<TarMember> = fc.record({
  kind: fc.constantFrom('file', 'link', 'symlink', 'directory', 'pipe', 'character-device'),
  name,
  linkName: name,
  mode: fc.nat(0o7777),
  uid: id,
  gid: id,
  sizeBytes: fc.constant(0),
  modifiedSeconds: fc.oneof(fc.nat(), fc.constantFrom(-5, 1.5, 8 ** 11)),
  major: fc.nat(255),
  minor: fc.nat(255),
  xattrs: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom('user.a', 'security.capability', 'trusted.x'),
      hex: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes).toString('hex')),
    }),
    { selector: (xattr) => xattr.name },
  ),
});

test('a member is read as it was written, whatever its names, owners, times and attributes', () => {
  fc.assert(
    fc.property(fc.array(member, { maxLength: 5 }), (members) => {
      const found: TarEntry[] = [];
      const reader = new TarReader('archive', {
        entry: (entry) => void found.push(entry),
        data: () => undefined,
        endEntry: () => undefined,
      });
      reader.push(Buffer.concat([...members.map(encodeTarHeader), TAR_END]));
      reader.end();
      expect(found.map(({ modifiedSeconds: _, ...entry }) => entry)).toEqual(
        members.map(({ modifiedSeconds: _, ...entry }) => entry),
      );
      for (const [index, { modifiedSeconds }] of members.entries())
        expect(found[index].modifiedSeconds).toBeCloseTo(modifiedSeconds, 6);
    }),
    { numRuns: 500 },
  );
});

test('data of any length fills whole blocks, and sizes beyond octal are told', () => {
  for (const bytes of [0, 1, 511, 512, 513]) expect((bytes + tarPadding(bytes).length) % 512).toBe(0);
  const about = { kind: 'file', name: 'big', mode: 0o644, uid: 0, gid: 0, modifiedSeconds: 0 } as const;
  const sizes: number[] = [];
  for (const sizeBytes of [8 ** 11 - 1, 8 ** 11, 2 ** 40]) {
    const reader = new TarReader('archive', {
      entry: (entry) => void sizes.push(entry.sizeBytes),
      data: () => undefined,
      endEntry: () => undefined,
    });
    reader.push(encodeTarHeader({ ...about, sizeBytes }));
  }
  expect(sizes).toEqual([8 ** 11 - 1, 8 ** 11, 2 ** 40]);
});
