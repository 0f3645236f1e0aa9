/** What comes from elsewhere as a layer must be one, and belong on the layer below. */
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { checkLayer } from '../../src/blob/check-layer.ts';
import { createChild, createVhdx } from '../../src/vhdx/create.ts';
import { entryOf, leaveUnclosed, putEntry } from '../vhdx/log/logs.ts';
import { codeOf, MIB, scratchFolder } from './scratch.ts';

const [BASE, CHILD, OTHER] = ['a', 'b', 'c'].map((digit) => digit.repeat(32));

let folder: string;
const at = (id: string): string => path.join(folder, `${id}.vhdx`);

beforeEach(() => {
  folder = scratchFolder();
  createVhdx(at(BASE), { sizeBytes: 8 * MIB });
  createChild(at(CHILD), at(BASE));
});

const check = (id: string, parentId?: string, parentPath?: string) =>
  codeOf(() => {
    checkLayer(at(id), {
      id,
      ...(parentId !== undefined && { parentId }),
      ...(parentPath !== undefined && { parentPath }),
    });
  });

describe('a layer', () => {
  it('is accepted on the layer it was made on', async () => {
    expect(await check(BASE)).toBeUndefined();
    expect(await check(CHILD, BASE)).toBeUndefined();
    expect(await check(CHILD, BASE, at(BASE))).toBeUndefined();
  });

  it('is refused on a layer of another name, and without the one below it', async () => {
    expect(await check(CHILD, OTHER)).toBe('BLOB_PARENT_MISMATCH');
    expect(await check(CHILD)).toBe('BLOB_PARENT_MISMATCH');
    expect(await check(BASE, OTHER)).toBe('BLOB_PARENT_MISMATCH');
  });

  it('is refused on another disk of the right name', async () => {
    fs.rmSync(at(BASE));
    createVhdx(at(BASE), { sizeBytes: 8 * MIB });
    expect(await check(CHILD, BASE)).toBeUndefined();
    expect(await check(CHILD, BASE, at(BASE))).toBe('BLOB_PARENT_MISMATCH');
  });

  it.each([
    ['relative_path', `.\\${BASE}.vhdx`, `..\\${'x'.repeat(35)}.vhdx`],
    ['absolute_win32_path', `\\hyperfile\\${BASE}.vhdx`, `\\hyperfile\\${OTHER}.vhdx`],
  ])('whose %s leads elsewhere is refused', async (_, from, to) => {
    const bytes = fs.readFileSync(at(CHILD));
    const [old, changed] = [from, to].map((text) => Buffer.from(text, 'utf16le'));
    const place = bytes.indexOf(old);
    expect(place).toBeGreaterThan(0);
    changed.subarray(0, old.length).copy(bytes, place);
    fs.writeFileSync(at(CHILD), bytes);
    expect(await check(CHILD, BASE, at(BASE))).toBe('BLOB_PARENT_MISMATCH');
  });

  it('that was not closed is refused, and so is one on it: its bytes are not yet what it shows', async () => {
    leaveUnclosed(at(BASE), (ring) => putEntry(ring, 0, entryOf()));
    expect(await check(BASE)).toBe('BLOB_NOT_VHDX');
    expect(() => checkLayer(at(BASE), { id: BASE })).toThrow('not closed cleanly');
    expect(await check(CHILD, BASE)).toBeUndefined();
    expect(await check(CHILD, BASE, at(BASE))).toBe('BLOB_NOT_VHDX');
  });

  it('that is no VHDX, is unfinished or damaged is refused', async () => {
    fs.writeFileSync(at(OTHER), 'not a disk at all');
    expect(await check(OTHER)).toBe('BLOB_NOT_VHDX');
    const bytes = fs.readFileSync(at(BASE));
    for (const damage of [
      bytes.subarray(0, 2 * MIB),
      Buffer.concat([bytes.subarray(0, 65_536), Buffer.alloc(4 * MIB)]),
    ]) {
      fs.writeFileSync(at(OTHER), damage);
      expect(await check(OTHER)).toBe('BLOB_NOT_VHDX');
    }
  });
});
