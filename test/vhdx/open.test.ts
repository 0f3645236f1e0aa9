/** What is wrong with a file is said by name and place, and refused; what is only unusual is read. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../src/base/codes/index.ts';
import { isHyperfileError } from '../../src/base/error.ts';
import { openChain } from '../../src/vhdx/chain.ts';
import { createChild } from '../../src/vhdx/create.ts';
import { withChecksum } from '../../src/vhdx/header.ts';
import { createDisk } from '../../src/vhdx/sandbox.ts';
import { describeWith } from '../support/needs.ts';
import { contents, MIB, pattern, scratchFolder } from './scratch.ts';

const [HEADER_1, HEADER_2, REGIONS_1, REGIONS_2] = [65536, 131072, 196608, 262144];
const [METADATA, BAT] = [2 * MIB, 3 * MIB];
const ITEMS = METADATA + 65536;
const CHILD_LOCATOR = ITEMS + 40;

function baseFile(): string {
  const file = path.join(scratchFolder(), 'base.vhdx');
  const disk = createDisk(file, { sizeBytes: 8 * MIB });
  disk.write(pattern(2 * MIB, 1), MIB);
  disk.seal();
  disk.close();
  return file;
}

function childFile(): string {
  const base = baseFile();
  const child = path.join(path.dirname(base), 'child.vhdx');
  createChild(child, base);
  return child;
}

/** Changes a file's bytes; both headers and region tables get valid checksums again unless told otherwise. */
function edit(file: string, change: (bytes: Buffer) => void, checksums = true): void {
  const bytes = fs.readFileSync(file);
  change(bytes);
  if (checksums) {
    for (const at of [HEADER_1, HEADER_2]) withChecksum(bytes.subarray(at, at + 4096));
    for (const at of [REGIONS_1, REGIONS_2]) withChecksum(bytes.subarray(at, at + 65536));
  }
  fs.writeFileSync(file, bytes);
}

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

const both = (...at: number[]) => at;

type Row = [what: string, code: ErrorCode, change: (bytes: Buffer) => void, options?: { checksums: false }];

const REFUSED: readonly Row[] = [
  ['a wrong signature', 'VHDX_NOT_VHDX', (b) => b.write('vhdxfilf')],
  ['no headers', 'VHDX_UNFINISHED', (b) => b.fill(0, HEADER_1, REGIONS_1), { checksums: false }],
  [
    'two damaged headers',
    'VHDX_HEADER_CORRUPT',
    (b) => both(HEADER_1, HEADER_2).map((at) => b.fill(9, at + 8, at + 9)),
    { checksums: false },
  ],
  [
    'two different headers of one number',
    'VHDX_HEADER_CORRUPT',
    (b) => {
      b.copy(b, HEADER_1 + 8, HEADER_2 + 8, HEADER_2 + 16);
      b[HEADER_1 + 20] ^= 1;
    },
  ],
  [
    'another version',
    'VHDX_VERSION',
    (b) => both(HEADER_1, HEADER_2).map((at) => b.writeUInt16LE(2, at + 66)),
  ],
  [
    'a log with something in it',
    'VHDX_LOG_NOT_EMPTY',
    (b) => both(HEADER_1, HEADER_2).map((at) => b.fill(7, at + 48, at + 64)),
  ],
  [
    'a log at an odd place',
    'VHDX_HEADER_CORRUPT',
    (b) => both(HEADER_1, HEADER_2).map((at) => b.writeUInt32LE(4096, at + 72)),
  ],
  [
    'a log on top of the block table',
    'VHDX_REGION_CORRUPT',
    (b) => both(HEADER_1, HEADER_2).map((at) => b.writeUInt32LE(BAT, at + 72)),
  ],
  [
    'a log past the end',
    'VHDX_CUT_SHORT',
    (b) => both(HEADER_1, HEADER_2).map((at) => b.writeUInt32LE(0xfff00000, at + 68)),
  ],
  [
    'two damaged region tables',
    'VHDX_REGION_CORRUPT',
    (b) => both(REGIONS_1, REGIONS_2).map((at) => b.fill(9, at + 8, at + 9)),
    { checksums: false },
  ],
  [
    'a region table of 5000 entries',
    'VHDX_REGION_CORRUPT',
    (b) => both(REGIONS_1, REGIONS_2).map((at) => b.writeUInt32LE(5000, at + 8)),
  ],
  [
    'an unknown region that is required',
    'VHDX_UNKNOWN_FEATURE',
    (b) => both(REGIONS_1, REGIONS_2).map((at) => b.fill(0x55, at + 16, at + 32)),
  ],
  [
    'a missing region',
    'VHDX_REGION_CORRUPT',
    (b) => both(REGIONS_1, REGIONS_2).map((at) => b.writeUInt32LE(1, at + 8)),
  ],
  [
    'a region at an odd place',
    'VHDX_REGION_CORRUPT',
    (b) => both(REGIONS_1, REGIONS_2).map((at) => b.writeUInt32LE(BAT + 4096, at + 32)),
  ],
  [
    'a region past the end',
    'VHDX_CUT_SHORT',
    (b) => both(REGIONS_1, REGIONS_2).map((at) => b.writeUInt32LE(0xff, at + 36)),
  ],
  [
    'two regions at one place',
    'VHDX_METADATA_CORRUPT',
    (b) => both(REGIONS_1, REGIONS_2).map((at) => b.writeUInt32LE(BAT, at + 64)),
  ],
  ['no metadata signature', 'VHDX_METADATA_CORRUPT', (b) => b.write('metadato', METADATA)],
  [
    'an unknown item that is required',
    'VHDX_UNKNOWN_FEATURE',
    (b) => b.fill(0x55, METADATA + 32, METADATA + 48),
  ],
  [
    'an item outside the region',
    'VHDX_METADATA_CORRUPT',
    (b) => b.writeUInt32LE(0xfffffff0, METADATA + 32 + 16),
  ],
  ['an item of another length', 'VHDX_METADATA_CORRUPT', (b) => b.writeUInt32LE(12, METADATA + 32 + 20)],
  ['a missing item', 'VHDX_METADATA_CORRUPT', (b) => b.writeUInt16LE(4, METADATA + 10)],
  ['a block size that is no power of two', 'VHDX_METADATA_CORRUPT', (b) => b.writeUInt32LE(3 * MIB, ITEMS)],
  ['a block size of zero', 'VHDX_METADATA_CORRUPT', (b) => b.writeUInt32LE(0, ITEMS)],
  ['a size of zero', 'VHDX_METADATA_CORRUPT', (b) => b.fill(0, ITEMS + 8, ITEMS + 16)],
  ['a size of 2^63 bytes', 'VHDX_METADATA_CORRUPT', (b) => b.fill(0x80, ITEMS + 15, ITEMS + 16)],
  ['a size of half a sector', 'VHDX_METADATA_CORRUPT', (b) => b.writeUInt32LE(0x100, ITEMS + 8)],
  ['sectors of 1000 bytes', 'VHDX_METADATA_CORRUPT', (b) => b.writeUInt32LE(1000, ITEMS + 16)],
  ['a size beyond its block table', 'VHDX_BAT_CORRUPT', (b) => b.writeUInt32LE(64, ITEMS + 12)],
  ['a parent but no locator', 'VHDX_METADATA_CORRUPT', (b) => b.writeUInt32LE(2, ITEMS + 4)],
  ['a reserved block state', 'VHDX_BAT_CORRUPT', (b) => b.writeUInt32LE(4, BAT)],
  [
    'reserved bits in a block entry',
    'VHDX_BAT_CORRUPT',
    (b) => {
      b[BAT + 9] |= 1;
    },
  ],
  [
    'a partial block without a parent',
    'VHDX_BAT_CORRUPT',
    (b) => {
      b[BAT + 8] |= 7;
    },
  ],
  ['two blocks at one place', 'VHDX_BAT_CORRUPT', (b) => b.copy(b, BAT + 8, BAT + 16, BAT + 24)],
  ['a block on top of the log', 'VHDX_BAT_CORRUPT', (b) => b.writeUInt32LE(MIB + 6, BAT + 8)],
  ['a block on top of the headers', 'VHDX_BAT_CORRUPT', (b) => b.writeUInt32LE(6, BAT + 8)],
  ['a block past the end', 'VHDX_CUT_SHORT', (b) => b.writeUInt32LE(0xffffffff, BAT + 12)],
];

describe('a base is refused', () => {
  it.each(REFUSED)('with %s', (_what, code, change, options) => {
    const file = baseFile();
    edit(file, change, options?.checksums);
    expectRefused(file, code);
  });

  it('cut short anywhere', () => {
    const file = baseFile();
    const whole = fs.readFileSync(file);
    for (const [length, code] of [
      [0, 'VHDX_NOT_VHDX'],
      [5, 'VHDX_NOT_VHDX'],
      [100, 'VHDX_CUT_SHORT'],
      [HEADER_2 + 100, 'VHDX_CUT_SHORT'],
      [REGIONS_2 + 100, 'VHDX_CUT_SHORT'],
      [METADATA + 100, 'VHDX_CUT_SHORT'],
      [BAT + 100, 'VHDX_CUT_SHORT'],
      [5 * MIB - 1, 'VHDX_CUT_SHORT'],
      [6 * MIB - 1000, 'VHDX_CUT_SHORT'],
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

describe('a difference is refused', () => {
  const cases: [string, ErrorCode, (bytes: Buffer) => void][] = [
    ['a locator of another type', 'VHDX_LOCATOR_CORRUPT', (b) => b.fill(0, CHILD_LOCATOR, CHILD_LOCATOR + 4)],
    ['a locator without entries', 'VHDX_LOCATOR_CORRUPT', (b) => b.writeUInt16LE(0, CHILD_LOCATOR + 18)],
    [
      'a locator longer than its item',
      'VHDX_LOCATOR_CORRUPT',
      (b) => b.writeUInt16LE(200, CHILD_LOCATOR + 18),
    ],
    ['an entry outside the locator', 'VHDX_LOCATOR_CORRUPT', (b) => b.writeUInt32LE(1e9, CHILD_LOCATOR + 20)],
    ['no identity of the parent', 'VHDX_LOCATOR_CORRUPT', (b) => b.write('x', CHILD_LOCATOR + 56)],
    ['a partial block without a bitmap', 'VHDX_BAT_CORRUPT', (b) => b.writeUInt32LE(4 * MIB + 7, BAT)],
    ['a bitmap in a reserved state', 'VHDX_BAT_CORRUPT', (b) => b.writeUInt32LE(7, BAT + 4096 * 8)],
  ];

  it.each(cases)('with %s', (_what, code, change) => {
    const file = childFile();
    fs.truncateSync(file, 5 * MIB);
    edit(file, change);
    expectRefused(file, code);
  });
});

describe('unusual, but readable', () => {
  const cases: [string, (bytes: Buffer) => void, checksums?: boolean][] = [
    ['one damaged header', (b) => b.fill(9, HEADER_2 + 8, HEADER_2 + 9), false],
    ['a damaged first region table', (b) => b.fill(9, REGIONS_1 + 8, REGIONS_1 + 9), false],
    ['two identical headers', (b) => b.copy(b, HEADER_1, HEADER_2, HEADER_2 + 4096)],
    [
      'regions that are not marked as required',
      (b) =>
        both(REGIONS_1, REGIONS_2).map((at) => {
          b[at + 44] = 0;
          b[at + 76] = 0;
        }),
    ],
    ['no creator', (b) => b.fill(0, 8, 520)],
    ['ZERO with an offset', (b) => b.writeUInt32LE(4 * MIB + 2, BAT)],
    ['UNMAPPED with an anchor', (b) => b.writeUInt32LE(4 * MIB + 3, BAT)],
    [
      'a log of another version that is empty',
      (b) => both(HEADER_1, HEADER_2).map((at) => b.writeUInt16LE(1, at + 64)),
    ],
  ];

  it.each(cases)('%s', (_what, change, checksums = true) => {
    const file = baseFile();
    const chain = openChain(file);
    const expected = contents(chain);
    chain.close();
    edit(file, change, checksums);
    const again = openChain(file);
    expect(contents(again).equals(expected)).toBe(true);
    again.close();
  });

  it('a ragged end behind the last block', () => {
    const file = baseFile();
    fs.appendFileSync(file, Buffer.alloc(1000));
    openChain(file).close();
  });
});

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
