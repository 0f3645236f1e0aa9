/** Our writer, byte for byte, against files derived by hand from the specification (see golden-file.ts for their form). */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { createVhdx } from '../../src/vhdx/create.ts';
import { openForChange } from '../../src/vhdx/edit/open.ts';
import { createFixedDisk } from '../../src/vhdx/fixed-disk.ts';
import { createDisk, openSandbox } from '../../src/vhdx/sandbox.ts';
import { differences, guidAt, type Names } from './golden-file.ts';
import { MIB, pattern, scratchFolder } from './scratch.ts';

const GUID_V4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

function scratchFiles(): { base: string; child: string } {
  const folder = scratchFolder();
  return { base: path.join(folder, 'base.vhdx'), child: path.join(folder, 'child.vhdx') };
}

/** Compares, and looks at what the golden file could not pin: random names are random, and none is used twice. */
function expectGolden(golden: string, file: string, inherited: Names = new Map()): void {
  const names: Names = new Map(inherited);
  expect(differences(golden, file, names)).toEqual([]);
  const guids = [...names].filter(([name]) => name !== 'sequence').map(([, value]) => value);
  expect(new Set(guids).size).toBe(guids.length);
  for (const guid of guids) expect(guid).toMatch(GUID_V4);
  // The file may be changed many times before its number comes to the end.
  expect(names.get('sequence')).toBeLessThan(2n ** 63n);
}

/** What a child takes over from its parent: the parent's identity and the disk's. */
function inheritedFrom(base: string): Names {
  const bytes = fs.readFileSync(base).subarray(0, 3 * MIB);
  return new Map([
    ['parentDataWrite', guidAt(bytes, 0x20020)],
    ['virtualDisk', guidAt(bytes, 0x210018)],
  ]);
}

describe('the writer makes the golden file of', () => {
  it('a dynamic disk', () => {
    const { base } = scratchFiles();
    const disk = createDisk(base, {
      sizeBytes: 5 * MIB + 1024,
      blockBytes: 2 * MIB,
      physicalSectorBytes: 512,
    });
    disk.write(pattern(512, 7), 4 * MIB + 1536);
    disk.write(pattern(2 * MIB, 8), 2 * MIB);
    disk.seal();
    disk.close();
    expectGolden('dynamic', base);
  });

  it('a dynamic disk with sectors of 4096 bytes', () => {
    const { base } = scratchFiles();
    const disk = createDisk(base, { sizeBytes: 3 * MIB + 4096, logicalSectorBytes: 4096 });
    disk.write(pattern(4096, 9), 3 * MIB);
    disk.write(pattern(4096, 10), 4096);
    disk.seal();
    disk.close();
    expectGolden('sectors-4096', base);
  });

  it('a fixed disk', () => {
    const { base } = scratchFiles();
    const disk = createFixedDisk(base, { sizeBytes: 2 * MIB + 512 });
    disk.write(pattern(1024, 11), 2 * MIB - 512);
    disk.seal();
    disk.close();
    expectGolden('fixed', base);
  });

  it('a dynamic disk that is changed in place, with what that leaves in the log', () => {
    const { base } = scratchFiles();
    createVhdx(base, { sizeBytes: 2 * MIB });
    const before = fs.readFileSync(base);
    const disk = openForChange(base);
    disk.write(pattern(512, 12), MIB);
    disk.close();
    const inherited: Names = new Map<string, string | bigint>([
      ['sequence', before.readBigUInt64LE(0x10008)],
      ['oldFileWrite', guidAt(before, 0x20010)],
      ['oldDataWrite', guidAt(before, 0x20020)],
      ['virtualDisk', guidAt(before, 0x210018)],
    ]);
    expectGolden('changed-in-place', base, inherited);
  });

  it('a difference with partial, zero, absent and whole blocks', () => {
    const { base, child } = scratchFiles();
    const disk = createDisk(base, { sizeBytes: 5 * MIB });
    disk.write(pattern(5 * MIB, 1), 0);
    disk.seal();
    disk.close();
    const sandbox = openSandbox({ chain: base, sandboxPath: child });
    sandbox.write(pattern(1024, 2), 512);
    sandbox.write(pattern(512, 3), 10 * 512);
    sandbox.zero(MIB, MIB);
    sandbox.write(pattern(MIB, 4), 3 * MIB);
    sandbox.write(pattern(512, 5), 5 * MIB - 512);
    sandbox.seal();
    sandbox.close();
    expectGolden('differencing', child, inheritedFrom(base));
  });

  it('a difference whose data lie in the second chunk', () => {
    const { base, child } = scratchFiles();
    createVhdx(base, { sizeBytes: 4608 * MIB });
    const sandbox = openSandbox({ chain: base, sandboxPath: child, blockBytes: 32 * MIB });
    sandbox.write(pattern(512, 6), 129 * 32 * MIB + 9 * 512);
    sandbox.seal();
    sandbox.close();
    expectGolden('second-chunk', child, inheritedFrom(base));
  });
});

describe('the comparison with a golden file', () => {
  it('sees every single changed byte, also where nothing is described', () => {
    const { base } = scratchFiles();
    const disk = createDisk(base, { sizeBytes: 3 * MIB + 4096, logicalSectorBytes: 4096 });
    disk.write(pattern(4096, 9), 3 * MIB);
    disk.write(pattern(4096, 10), 4096);
    disk.seal();
    disk.close();
    const whole = fs.readFileSync(base);
    const [name, checksum, log, lastPlace] = [0x000009, 0x020005, 0x150000, 0x5fffff];
    for (const at of [
      0,
      name,
      0x010010,
      checksum,
      0x03ffff,
      log,
      0x20000c,
      0x210015,
      0x300019,
      0x4000ff,
      lastPlace,
    ]) {
      const changed = Buffer.from(whole);
      changed[at] ^= 1;
      fs.writeFileSync(base, changed);
      expect(differences('sectors-4096', base, new Map()), `byte ${at}`).not.toEqual([]);
    }
    fs.writeFileSync(base, Buffer.concat([whole, Buffer.alloc(1)]));
    expect(differences('sectors-4096', base, new Map())).not.toEqual([]);
  });
});
