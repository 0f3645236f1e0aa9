import { execFileSync } from 'node:child_process';
import { mkdirSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { DISK_FORMATS } from '../../src/convert/format-names.ts';
import { formatOfContent, formatOfName } from '../../src/convert/formats.ts';
import { createVhdx } from '../../src/vhdx/create.ts';
import { describeWith } from '../support/needs.ts';
import { MIB, scratchFolder } from '../vhdx/scratch.ts';

describe('a name', () => {
  test.each([
    ['a.vhdx', 'vhdx'],
    ['A.AVHDX', 'vhdx'],
    ['/x/a.b.raw', 'raw'],
    ['a.img', 'raw'],
    ['a.vhd', 'vhd'],
    ['a.qcow2', 'qcow2'],
    ['a.vmdk', 'vmdk'],
  ])('%s asks for %s', (name, format) => {
    expect(formatOfName(name)).toBe(format);
  });

  test.each(['a', 'a.iso', 'vhdx', '.vhdx', 'a.vhdx.gz', ''])('%j asks for nothing known', (name) => {
    expect(() => formatOfName(name)).toThrow(expect.objectContaining({ code: 'DISK_FORMAT_UNKNOWN' }));
  });
});

describe('what is in a file', () => {
  test('counts as a raw disk without a signature, however short', async () => {
    const folder = scratchFolder();
    for (const [name, bytes] of [
      ['empty', ''],
      ['short', 'vhdx'],
      ['text', 'x'.repeat(5000)],
    ] as const) {
      const file = path.join(folder, `${name}.vhdx`);
      writeFileSync(file, bytes);
      expect(await formatOfContent(file)).toBe('raw');
    }
  });

  test('decides, whatever the name', async () => {
    const file = path.join(scratchFolder(), 'disk.raw');
    createVhdx(file, { sizeBytes: MIB });
    expect(await formatOfContent(file)).toBe('vhdx');
  });

  test('must be there, and be a file', async () => {
    const folder = scratchFolder();
    const missing = path.join(folder, 'missing');
    await expect(formatOfContent(missing)).rejects.toMatchObject({ code: 'DISK_NOT_FOUND' });
    await expect(formatOfContent(folder)).rejects.toMatchObject({ code: 'DISK_NOT_A_FILE' });
    const pipe = path.join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await expect(formatOfContent(pipe)).rejects.toMatchObject({ code: 'DISK_NOT_A_FILE' });
  });
});

describeWith(['qemu-img'], "qemu-img's disks", () => {
  test.each([
    ['vhdx', 'vhdx', ''],
    ['raw', 'raw', ''],
    ['vpc', 'vhd', 'subformat=dynamic'],
    ['vpc', 'vhd', 'subformat=fixed'],
    ['qcow2', 'qcow2', ''],
    ['vmdk', 'vmdk', 'subformat=monolithicSparse'],
    ['vmdk', 'vmdk', 'subformat=streamOptimized'],
    ['vmdk', 'vmdk', 'subformat=monolithicFlat'],
    ['vmdk', 'vmdk', 'subformat=twoGbMaxExtentSparse'],
  ])('of the format %s are known as %s (%s)', async (format, known, options) => {
    const folder = path.join(scratchFolder(), 'disk');
    mkdirSync(folder);
    const file = path.join(folder, 'disk');
    execFileSync('qemu-img', ['create', '-f', format, ...(options ? ['-o', options] : []), file, '8M'], {
      stdio: 'ignore',
    });
    expect(await formatOfContent(file)).toBe(known);
    expect(DISK_FORMATS).toContain(known);
  });

  test('that are cut short are still known by their beginning', async () => {
    const file = path.join(scratchFolder(), 'disk.vhd');
    execFileSync('qemu-img', ['create', '-f', 'vpc', file, '8M'], { stdio: 'ignore' });
    truncateSync(file, 700);
    expect(await formatOfContent(file)).toBe('vhd');
  });
});
