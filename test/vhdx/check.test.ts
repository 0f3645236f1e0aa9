/** A check finds everything that is wrong with a disk and those below it, says where, and changes nothing. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { vhdxTableCodes } from '../../src/base/codes/vhdx-tables.ts';
import { vhdxCodes } from '../../src/base/codes/vhdx.ts';
import { MemoryFile } from '../../src/disk/memory-file.ts';
import { openChain } from '../../src/vhdx/chain.ts';
import { createChild, createVhdx } from '../../src/vhdx/create.ts';
import type { Finding } from '../../src/vhdx/findings.ts';
import { writeIdentifier } from '../../src/vhdx/file-layout.ts';
import { TIB } from '../../src/vhdx/format.ts';
import { withChecksum } from '../../src/vhdx/header.ts';
import { readTables } from '../../src/vhdx/layer.ts';
import { encodeLocator } from '../../src/vhdx/locator.ts';
import { checkChain } from '../../src/vhdx/operations/check.ts';
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
  inRegions,
  itemEntry,
  ITEMS,
  LOCATOR,
  victim,
  type Change,
} from './damage.ts';
import { GIB, MIB, scratchFolder } from './scratch.ts';

/** The findings of every file of a chain. */
function check(file: string): Finding[][] {
  return [...checkChain(file)].map(({ findings }) => [...findings.listed]);
}

function codes(findings: readonly Finding[] | undefined): string[] {
  return (findings ?? []).map(({ code }) => code);
}

/** What is found in one file after some changes to it. */
function found(change: Change, file = baseFile()): Finding[] {
  edit(file, { change });
  return check(file)[0] ?? [];
}

describe('a sound disk', () => {
  it('and those below it give nothing to say', () => {
    const file = childFile();
    expect([...checkChain(file)].map((checked) => path.basename(checked.path))).toEqual([
      'child.vhdx',
      'base.vhdx',
    ]);
    expect(check(file)).toEqual([[], []]);
  });

  it('of the largest size takes a moment', () => {
    const file = path.join(scratchFolder(), 'largest.vhdx');
    createVhdx(file, { sizeBytes: 65536 * GIB });
    expect(check(file)).toEqual([[]]);
  });

  it('is not written to, and neither is one that is damaged', () => {
    const child = childFile();
    edit(child, { change: (b) => void b.fill(9, HEADERS[0] + 8, HEADERS[0] + 9), checksums: false });
    const files = [child, path.join(path.dirname(child), 'base.vhdx')];
    const before = files.map((file) => [fs.readFileSync(file), fs.statSync(file).mtimeMs] as const);
    expect(check(child).flat()).toHaveLength(1);
    files.forEach((file, i) => {
      expect(fs.readFileSync(file).equals(before[i][0])).toBe(true);
      expect(fs.statSync(file).mtimeMs).toBe(before[i][1]);
    });
    expect(fs.readdirSync(path.dirname(child)).sort()).toEqual(['base.vhdx', 'child.vhdx']);
  });
});

describe('a check finds', () => {
  it.each(DAMAGES)('$what: $code', (damage) => {
    const file = victim(damage);
    edit(file, damage);
    const errors = (check(file)[0] ?? []).filter(({ severity }) => severity === 'error');
    // What opening refuses comes first; more may follow from it.
    expect(errors[0]).toMatchObject({ code: damage.code, data: { path: file } });
    expect(errors[0].repair).toBe(damage.repair);
    expect(errors[0].fileOffset).toBeLessThanOrEqual(fs.statSync(file).size);
  });

  it.each(FLAWS)('$what: $code', (flaw) => {
    const file = victim(flaw);
    edit(file, flaw);
    const findings = check(file)[0] ?? [];
    expect([...new Set(codes(findings))]).toEqual([flaw.code]);
    for (const { severity, repair } of findings) {
      expect({ severity, repair }).toEqual({ severity: flaw.severity ?? 'warning', repair: flaw.repair });
    }
  });

  it('where in the file each of them is', () => {
    const findings = found((b) => {
      b.writeUInt32LE(6, itemEntry(0) + 24);
      b.writeUInt32LE(8, ITEMS + 4);
      batEntry(b, 3, 5);
    });
    expect(findings.map(({ code, fileOffset }) => [code, fileOffset])).toEqual([
      ['VHDX_ITEM_FLAGS', itemEntry(0)],
      ['VHDX_PARAMETERS_RESERVED', ITEMS],
      ['VHDX_BLOCK_STATE', BAT + 24],
    ]);
  });

  it('all of many in one region table', () => {
    const findings = found((b) => {
      addRegion(b, 4096, 3);
      inRegions((bytes, at) => bytes.writeUInt32LE(0, at + 44))(b);
    });
    expect(codes(findings)).toEqual([
      'VHDX_REGION_OPTIONAL',
      'VHDX_REGION_RESERVED',
      'VHDX_REGION_PLACE',
      'VHDX_REGION_UNKNOWN',
    ]);
  });

  it('all of many in the metadata, and goes on with the blocks', () => {
    const findings = found((b) => {
      addItem(b, { flags: 4 });
      addItem(b, { offset: 0x20000 });
      b.writeUInt32LE(1000, ITEMS + 20);
      batEntry(b, 1, 6, 1);
      batEntry(b, 5, 4);
    });
    expect(codes(findings)).toEqual([
      'VHDX_ITEM_UNKNOWN',
      'VHDX_ITEM_OVERLAP',
      'VHDX_SECTOR_SIZE',
      'VHDX_BLOCK_OVERLAP',
      'VHDX_BLOCK_STATE',
    ]);
  });

  it('every item that is missing, and every shape that cannot be', () => {
    expect(codes(found((b) => void b.writeUInt16LE(1, ITEMS - 65536 + 10)))).toEqual(
      Array(4).fill('VHDX_ITEM_MISSING'),
    );
    expect(
      codes(
        found((b) => {
          b.writeUInt32LE(3, ITEMS);
          b.fill(0, ITEMS + 8, ITEMS + 16);
          b.writeUInt32LE(3, ITEMS + 16);
          b.writeUInt32LE(3, ITEMS + 20);
        }),
      ),
    ).toEqual(['VHDX_SECTOR_SIZE', 'VHDX_BLOCK_SIZE', 'VHDX_DISK_SIZE', 'VHDX_SECTOR_SIZE']);
  });

  it('what is wrong with the blocks of a difference whose parent is not named', () => {
    const findings = found((b) => {
      b.write('x', LOCATOR + 56);
      b.writeUInt16LE(1, LOCATOR + 16);
      batEntry(b, 0, 4);
    }, childFile());
    expect(codes(findings)).toEqual(['VHDX_LOCATOR_RESERVED', 'VHDX_LOCATOR_LINKAGE', 'VHDX_BLOCK_STATE']);
  });

  it('how much of the file nothing uses', () => {
    const file = baseFile();
    edit(file, { change: (b) => batEntry(b, 1, 0) });
    expect(check(file)).toEqual([
      [
        {
          code: 'VHDX_UNUSED_SPACE',
          severity: 'note',
          fileOffset: 4 * MIB,
          data: { path: file, unusedBytes: MIB },
        },
      ],
    ]);
  });

  it('more than anybody would read, and lists a thousand of a kind', () => {
    const file = path.join(scratchFolder(), 'many.vhdx');
    createVhdx(file, { sizeBytes: 4 * GIB });
    edit(file, {
      change: (b) => {
        for (let block = 0; block < 4096; block++) batEntry(b, block, block % 2 === 0 ? 4 : 2, block % 2);
      },
    });
    const [checked] = [...checkChain(file)];
    expect(checked.findings.counts).toEqual({ error: 2048, warning: 2048, note: 0 });
    expect(checked.findings.listed).toHaveLength(2000);
    expect(Object.fromEntries(checked.findings.unlisted())).toEqual({
      VHDX_BLOCK_STATE: 1048,
      VHDX_ABSENT_WITH_PLACE: 1048,
    });
  });
});

describe('a file that is no VHDX at all', () => {
  it('is an error of the call when it cannot be opened', () => {
    const folder = scratchFolder();
    for (const [file, code] of [
      [path.join(folder, 'none.vhdx'), 'DISK_NOT_FOUND'],
      [folder, 'DISK_NOT_A_FILE'],
    ] as const) {
      expect(() => check(file)).toThrow(expect.objectContaining({ code }) as Error);
    }
  });

  it('is a finding when it can', () => {
    const file = path.join(scratchFolder(), 'notes.vhdx');
    fs.writeFileSync(file, 'no disk');
    expect(codes(check(file)[0])).toEqual(['VHDX_NOT_VHDX']);
    fs.writeFileSync(file, 'vhdxfile');
    expect(codes(check(file)[0])).toEqual(['VHDX_CUT_SHORT']);
  });
});

/** Puts another parent locator into a child. */
function relocate(child: string, entries: Record<string, string>): void {
  const item = encodeLocator(new Map(Object.entries(entries)));
  edit(child, {
    change: (b) => {
      b.set(item, LOCATOR);
      b.writeUInt32LE(item.length, itemEntry(5) + 20);
    },
  });
}

function linkageOf(child: string): string {
  const chain = openChain(child);
  chain.close();
  return chain.layers[0].locator!.entries.get('parent_linkage')!;
}

describe('of the disks below, a check says', () => {
  it('what is wrong with each, and goes on', () => {
    const child = childFile();
    const base = path.join(path.dirname(child), 'base.vhdx');
    const leaf = path.join(path.dirname(child), 'leaf.vhdx');
    createChild(leaf, child);
    edit(child, { change: (b) => batEntry(b, 0, 4) });
    edit(base, { change: (b) => batEntry(b, 0, 5) });
    expect(check(leaf).map(codes)).toEqual([[], ['VHDX_BLOCK_STATE'], ['VHDX_BLOCK_STATE']]);
  });

  it('that the parent is not there', () => {
    const child = childFile();
    fs.rmSync(path.join(path.dirname(child), 'base.vhdx'));
    expect(check(child).map(codes)).toEqual([['VHDX_PARENT_NOT_FOUND']]);
    expect(check(child)[0][0]).toMatchObject({ fileOffset: LOCATOR });
  });

  it('that the parent cannot be opened', () => {
    const child = childFile();
    const base = path.join(path.dirname(child), 'base.vhdx');
    fs.rmSync(base);
    fs.mkdirSync(base);
    expect(check(child).map(codes)).toEqual([['DISK_NOT_A_FILE']]);
  });

  it('that the parent was written to, and checks it all the same', () => {
    const child = childFile();
    const base = path.join(path.dirname(child), 'base.vhdx');
    edit(base, {
      change: (b) => {
        inHeaders((bytes, at) => bytes.fill(5, at + 32, at + 48))(b);
        batEntry(b, 0, 4);
      },
    });
    expect(check(child).map(codes)).toEqual([['VHDX_PARENT_MISMATCH'], ['VHDX_BLOCK_STATE']]);
  });

  it('that the sectors differ', () => {
    const child = childFile();
    const base = path.join(path.dirname(child), 'base.vhdx');
    edit(base, { change: (b) => void b.writeUInt32LE(4096, ITEMS + 16) });
    expect(check(child).map(codes)).toEqual([['VHDX_PARENT_GEOMETRY'], []]);
  });

  it('that a disk is its own ancestor', () => {
    const child = childFile();
    relocate(child, { parent_linkage: linkageOf(child), relative_path: '.\\child.vhdx' });
    expect(check(child).map(codes)).toEqual([['VHDX_CHAIN_CYCLE']]);
  });

  it('that a path does not lead to the parent any more', () => {
    const child = childFile();
    const linkage = linkageOf(child);
    relocate(child, {
      parent_linkage: linkage,
      relative_path: '..\\elsewhere\\base.vhdx',
      absolute_win32_path: '\\\\?\\C:\\disks\\base.vhdx',
    });
    const [findings] = check(child);
    expect(findings).toMatchObject([
      { code: 'VHDX_PARENT_PATH', severity: 'warning', repair: 'parent-paths', fileOffset: LOCATOR },
    ]);
    relocate(child, { parent_linkage: linkage, relative_path: `.\\${'x'.repeat(300)}\\base.vhdx` });
    expect(codes(check(child)[0])).toEqual(['VHDX_PARENT_PATH']);
    relocate(child, { parent_linkage: linkage, relative_path: 'base.vhdx' });
    expect(check(child)).toEqual([[], []]);
  });

  it('that a merge was interrupted', () => {
    const child = childFile();
    const linkage = linkageOf(child);
    const other = '{01234567-89ab-cdef-0123-456789abcdef}';
    const entries = { parent_linkage: linkage, parent_linkage2: other, relative_path: '.\\base.vhdx' };
    relocate(child, entries);
    expect(check(child)).toMatchObject([[{ code: 'VHDX_MERGE_INTERRUPTED', severity: 'warning' }], []]);
    relocate(child, { ...entries, parent_linkage: other, parent_linkage2: linkage });
    expect(check(child).map(codes)).toEqual([['VHDX_MERGE_INTERRUPTED'], []]);
  });

  it('that there are too many', () => {
    const folder = scratchFolder();
    const child = path.join(folder, 'child.vhdx');
    createChild(child, baseFile(folder));
    const bytes = fs.readFileSync(child);
    const guid = (i: number) => `${i.toString(16).padStart(8, '0')}-0000-0000-0000-000000000001`;
    const nameOf = (i: number) => `${i}.vhdx`;
    for (let i = 0; i <= 256; i++) {
      const item = encodeLocator(
        new Map([
          ['parent_linkage', `{${guid(i + 1)}}`],
          ['relative_path', `.\\${nameOf(i + 1)}`],
        ]),
      );
      bytes.set(item, LOCATOR);
      bytes.writeUInt32LE(item.length, itemEntry(5) + 20);
      for (const at of HEADERS) {
        bytes.fill(0, at + 32, at + 48).writeUInt32LE(i, at + 32);
        bytes[at + 47] = 1;
        withChecksum(bytes.subarray(at, at + 4096));
      }
      const fd = fs.openSync(path.join(folder, nameOf(i)), 'w');
      fs.writeSync(fd, bytes, 0, 512 * 1024, 0);
      fs.writeSync(fd, bytes, 2 * MIB, 128 * 1024, 2 * MIB);
      fs.ftruncateSync(fd, 4 * MIB);
      fs.closeSync(fd);
    }
    const findings = check(path.join(folder, nameOf(0)));
    expect(findings).toHaveLength(256);
    expect(findings.flatMap(codes)).toEqual(['VHDX_CHAIN_TOO_DEEP']);
    expect(() => openChain(path.join(folder, nameOf(0)))).toThrow(
      expect.objectContaining({ code: 'VHDX_CHAIN_TOO_DEEP' }) as Error,
    );
  });
});

describe('every code about a VHDX', () => {
  const provoked = new Set<string>([...DAMAGES, ...FLAWS].map(({ code }) => code));
  const tests = fs
    .readdirSync(import.meta.dirname, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => fs.readFileSync(path.join(import.meta.dirname, name), 'utf8'))
    .join('\n');

  it.each(Object.keys({ ...vhdxCodes, ...vhdxTableCodes }))('%s is provoked by a test', (code) => {
    expect(provoked.has(code) || tests.includes(`'${code}'`)).toBe(true);
  });
});

it('a file that is larger than any VHDX is refused unread', () => {
  const file = new MemoryFile('large.vhdx');
  writeIdentifier(file);
  file.truncate(128 * TIB + 1);
  expect(() => readTables(file)).toThrow(expect.objectContaining({ code: 'VHDX_FILE_TOO_LARGE' }) as Error);
});
