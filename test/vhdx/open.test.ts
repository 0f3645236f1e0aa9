/** What is wrong with a file is said by name and place, and refused; what is only unusual is read. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/base/codes/index.ts';
import { isHyperfileError } from '../../src/base/error.ts';
import { openChain } from '../../src/vhdx/chain.ts';
import { createVhdx } from '../../src/vhdx/create.ts';
import { openLayer } from '../../src/vhdx/layer.ts';
import { describeWith } from '../support/needs.ts';
import {
  addItem,
  addRegion,
  BAT,
  baseFile,
  batEntry,
  childFile,
  DAMAGES,
  edit,
  FLAWS,
  HEADERS,
  inHeaders,
  METADATA,
  REGION_TABLES,
  victim,
  type Change,
} from './damage.ts';
import { contents, MIB, scratchFolder } from './scratch.ts';

function expectRefused(file: string, code: ErrorCode, text?: string | RegExp): void {
  try {
    openChain(file).close();
  } catch (error) {
    if (!isHyperfileError(error)) throw error;
    expect(error.code).toBe(code);
    expect(error.message).not.toMatch(/\{\w+\}/);
    if (text !== undefined) expect(error.message).toMatch(text);
    return;
  }
  throw new Error(`was not refused with ${code}`);
}

describe('a file is refused', () => {
  it.each(DAMAGES)('with $what: $code', (damage) => {
    const file = victim(damage);
    edit(file, damage);
    expectRefused(file, damage.code);
  });

  it('cut short anywhere', () => {
    const file = baseFile();
    const whole = fs.readFileSync(file);
    for (const [length, code] of [
      [0, 'VHDX_NOT_VHDX'],
      [5, 'VHDX_NOT_VHDX'],
      [100, 'VHDX_CUT_SHORT'],
      [HEADERS[1] + 100, 'VHDX_CUT_SHORT'],
      [REGION_TABLES[0] + 100, 'VHDX_LOG_PAST_END'],
      [2 * MIB - 1, 'VHDX_LOG_PAST_END'],
      [METADATA + 100, 'VHDX_REGION_PAST_END'],
      [BAT + 100, 'VHDX_REGION_PAST_END'],
      [5 * MIB - 1, 'VHDX_BLOCK_PAST_END'],
      [6 * MIB - 1000, 'VHDX_BLOCK_PAST_END'],
    ] as const) {
      fs.writeFileSync(file, whole.subarray(0, length));
      expectRefused(file, code);
    }
  });

  it('when it is something else altogether', () => {
    const folder = scratchFolder();
    expectRefused(folder, 'DISK_NOT_A_FILE');
    expectRefused(path.join(folder, 'none.vhdx'), 'DISK_NOT_FOUND');
    const text = path.join(folder, 'notes.vhdx');
    fs.writeFileSync(text, 'not a disk');
    expectRefused(text, 'VHDX_NOT_VHDX', 'notes.vhdx');
  });
});

describeWith(['mkfifo'], 'a pipe', () => {
  it('is refused without waiting for its other end', () => {
    const pipe = path.join(scratchFolder(), 'pipe.vhdx');
    execFileSync('mkfifo', [pipe]);
    expectRefused(pipe, 'DISK_NOT_A_FILE');
  });
});

describe('unusual, but readable', () => {
  it.each(FLAWS)('$what', (flaw) => {
    const file = victim(flaw);
    const expected = flaw.code === 'VHDX_LOCATOR_UNUSED' ? Buffer.alloc(8 * MIB) : shown(file);
    edit(file, flaw);
    const actual = shown(file);
    if (flaw.what === 'an absent sector bitmap with a place') {
      // The block that was partial is whole now.
      expected.fill(0, 3 * MIB + 4096, 4 * MIB);
    }
    expect(actual.equals(expected)).toBe(true);
  });

  const cases: [what: string, change: Change][] = [
    ['no creator', (b) => void b.fill(0, 8, 520)],
    ['a log of another version that is empty', inHeaders((b, at) => b.writeUInt16LE(1, at + 64))],
    ['no log at all', inHeaders((b, at) => b.writeUInt32LE(0, at + 68))],
    ['a region of others', (b) => withMegabyte(b, (larger) => addRegion(larger, 6 * MIB, 0))],
    ['an item of others', (b) => addItem(b, {})],
    ['an empty item of others', (b) => addItem(b, { offset: 0, length: 0 })],
    [
      'items of users, one with the identity of ours',
      (b) => {
        addItem(b, { flags: 1 });
        addItem(b, { flags: 3, offset: 0x30000 });
        b.fill(0x55, METADATA + 32 + 6 * 32, METADATA + 32 + 6 * 32 + 4);
      },
    ],
    ['UNMAPPED with an anchor', (b) => withMegabyte(b, (larger) => batEntry(larger, 0, 3, 6))],
    ['UNDEFINED with an anchor', (b) => withMegabyte(b, (larger) => batEntry(larger, 7, 1, 6))],
  ];

  it.each(cases)('%s', (_what, change) => {
    const file = baseFile();
    const expected = shown(file);
    edit(file, { change });
    expect(shown(file).equals(expected)).toBe(true);
  });

  it('an odd number of sectors', () => {
    const file = path.join(scratchFolder(), 'odd.vhdx');
    createVhdx(file, { sizeBytes: 8 * MIB + 512 });
    expect(shown(file).length).toBe(8 * MIB + 512);
  });
});

describe('a layer tells who goes on writing to it', () => {
  it('which header counts, and where it lies', () => {
    const file = baseFile();
    expect(layerOf(file).header.slot).toBe(1);
    edit(file, { change: (b) => void b.fill(9, HEADERS[1] + 8, HEADERS[1] + 9), checksums: false });
    expect(layerOf(file).header.slot).toBe(0);
  });

  it('what others keep in it: regions and items', () => {
    const file = baseFile();
    edit(file, {
      change: (b) =>
        withMegabyte(b, (larger) => {
          addRegion(larger, 6 * MIB, 0);
          addItem(larger, { flags: 1 });
        }),
    });
    const { regions, stored } = layerOf(file);
    expect(regions.others).toEqual([{ fileOffset: 6 * MIB, length: MIB }]);
    expect(regions.entries.map(({ flags }) => flags)).toEqual([1, 1, 0]);
    expect(stored.entries).toHaveLength(6);
    expect(stored.entries[5]).toMatchObject({ offset: 0x20000, length: 16, flags: 1 });
  });

  it('which megabytes are in use, anchors and regions of others included', () => {
    const file = baseFile();
    const runs = () => [...layerOf(file).used.runs()];
    expect(runs()).toEqual([{ start: 0, end: 6 }]);
    edit(file, { change: (b) => Buffer.concat([b, Buffer.alloc(6 * MIB)]) });
    expect(runs()).toEqual([{ start: 0, end: 6 }]);
    edit(file, {
      change: (b) => {
        addRegion(b, 7 * MIB, 0);
        batEntry(b, 0, 3, 10);
      },
    });
    expect(runs()).toEqual([
      { start: 0, end: 6 },
      { start: 7, end: 8 },
      { start: 10, end: 11 },
    ]);
    expect(layerOf(file).table.fileMb(0)).toBe(10);
    expect(layerOf(file).table.state(0)).toBe(3);
  });
});

function shown(file: string): Buffer {
  const chain = openChain(file);
  try {
    return contents(chain);
  } finally {
    chain.close();
  }
}

function layerOf(file: string) {
  const layer = openLayer(file);
  layer.file.close();
  return layer;
}

function withMegabyte(bytes: Buffer, change: (larger: Buffer) => void): Buffer {
  const larger = Buffer.concat([bytes, Buffer.alloc(MIB)]);
  change(larger);
  return larger;
}

it('opening and reading writes not a byte', () => {
  const child = childFile();
  const files = [child, path.join(path.dirname(child), 'base.vhdx')];
  const before = files.map((file) => [fs.readFileSync(file), fs.statSync(file).mtimeMs] as const);
  const chain = openChain(child);
  contents(chain);
  chain.close();
  files.forEach((file, i) => {
    expect(fs.readFileSync(file).equals(before[i][0])).toBe(true);
    expect(fs.statSync(file).mtimeMs).toBe(before[i][1]);
  });
});
