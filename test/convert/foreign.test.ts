/** Disks of other programs, both ways through qemu-img, and those that must not be touched. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { convertDisk } from '../../src/convert/convert.ts';
import { DISK_FORMATS, type DiskFormat } from '../../src/convert/format-names.ts';
import { formatOfContent } from '../../src/convert/formats.ts';
import type { Progress } from '../../src/base/events.ts';
import { createDisk, openSandbox } from '../../src/vhdx/sandbox.ts';
import { describeWith } from '../support/needs.ts';
import { MIB, pattern, scratchFolder } from '../vhdx/scratch.ts';
import { makeVhd } from './make-vhd.ts';

const quiet = { signal: new AbortController().signal, onProgress: () => undefined };
const DISK_BYTES = 17 * MIB;

function qemu(...args: string[]): string {
  return execFileSync('qemu-img', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
}

/** A raw disk with data here and there. */
function rawDisk(folder: string): string {
  const file = path.join(folder, 'disk.raw');
  const bytes = Buffer.alloc(DISK_BYTES);
  for (const [at, length] of [
    [0, 70_000],
    [5 * MIB - 512, 1024],
    [DISK_BYTES - 512, 512],
  ])
    pattern(length, at).copy(bytes, at);
  fs.writeFileSync(file, bytes);
  return file;
}

async function convert(input: string, target: string, output: { format: DiskFormat; isFixed?: boolean }) {
  return convertDisk({ format: await formatOfContent(input), path: input }, target, output, quiet);
}

/** The input is refused for this reason, and nothing is left. */
async function refused(input: string, reason: RegExp, format?: DiskFormat): Promise<void> {
  const folder = scratchFolder();
  const known = format ?? (await formatOfContent(input));
  for (const to of ['vhdx', 'raw', 'qcow2'] as const) {
    const target = path.join(folder, 'target');
    const converting = convertDisk({ format: known, path: input }, target, { format: to }, quiet);
    await expect(converting).rejects.toMatchObject({
      code: 'DISK_UNUSABLE',
      data: { path: input, reason: expect.stringMatching(reason) as string },
    });
  }
  expect(fs.readdirSync(folder)).toEqual([]);
}

describeWith(['qemu-img'], 'every format', () => {
  for (const from of DISK_FORMATS) {
    test(`becomes every other from ${from}, with the same bytes`, async () => {
      const folder = scratchFolder();
      const raw = rawDisk(folder);
      const input = path.join(folder, `input.${from}`);
      expect(await convert(raw, input, { format: from })).toBe(DISK_BYTES);
      for (const to of DISK_FORMATS) {
        const output = path.join(folder, `output.${to}`);
        expect(await convert(input, output, { format: to })).toBe(DISK_BYTES);
        expect(await formatOfContent(output)).toBe(to);
        const format = to === 'vhd' ? 'vpc' : to;
        qemu('compare', '-f', 'raw', '-F', format, raw, output);
        const info = JSON.parse(qemu('info', '-f', format, '--output=json', output)) as object;
        expect(info).toMatchObject({ 'virtual-size': DISK_BYTES });
      }
      expect(fs.readdirSync(folder)).toHaveLength(2 + DISK_FORMATS.length);
    });
  }

  test('is made of a chain with sectors of 4096 bytes, which qemu-img itself does not read', async () => {
    const folder = scratchFolder();
    const [base, leaf, output, back] = ['base.vhdx', 'leaf.vhdx', 'disk.qcow2', 'back.raw'].map((name) =>
      path.join(folder, name),
    );
    const disk = createDisk(base, { sizeBytes: 8 * MIB, logicalSectorBytes: 4096 });
    disk.write(pattern(100_000, 1), 0);
    disk.seal();
    disk.close();
    const difference = openSandbox({ chain: base, sandboxPath: leaf, sizeBytes: 9 * MIB });
    difference.write(pattern(5000, 2), 50_000);
    difference.seal();
    difference.close();
    await convert(leaf, output, { format: 'qcow2' });
    await convert(output, back, { format: 'raw' });
    const model = Buffer.alloc(9 * MIB);
    pattern(100_000, 1).copy(model);
    pattern(5000, 2).copy(model, 50_000);
    expect(fs.readFileSync(back).equals(model)).toBe(true);
  });

  test('reserves all its space where that was asked for', async () => {
    const folder = scratchFolder();
    const input = path.join(folder, 'input.qcow2');
    await convert(rawDisk(folder), input, { format: 'qcow2' });
    for (const format of ['vhdx', 'vhd', 'raw'] as const) {
      const output = path.join(folder, `output.${format}`);
      await convert(input, output, { format, isFixed: true });
      if (format === 'vhd')
        expect(JSON.parse(qemu('info', '-f', 'vpc', '--output=json', output))).toMatchObject({
          'virtual-size': DISK_BYTES,
        });
      else expect(fs.statSync(output).blocks * 512).toBeGreaterThanOrEqual(DISK_BYTES);
      expect(fs.statSync(output).size).toBeGreaterThanOrEqual(DISK_BYTES);
    }
    for (const format of ['qcow2', 'vmdk'] as const) {
      const output = convert(input, path.join(folder, 'never'), { format, isFixed: true });
      await expect(output).rejects.toMatchObject({
        code: 'DISK_FORMAT_OPTION',
        data: { option: '--fixed', format },
      });
    }
  });

  test('tells how far it is, through both halves of the way', async () => {
    const folder = scratchFolder();
    const input = path.join(folder, 'input.qcow2');
    await convert(rawDisk(folder), input, { format: 'qcow2' });
    const told: Progress[] = [];
    const io = { ...quiet, onProgress: (progress: Progress) => void told.push(progress) };
    await convertDisk(
      { format: 'qcow2', path: input },
      path.join(folder, 'disk.vhdx'),
      { format: 'vhdx' },
      io,
    );
    expect(told.map(({ done }) => done)).toEqual(told.map(({ done }) => done).sort((a, b) => a - b));
    expect(told.at(-1)).toEqual({ done: 2 * DISK_BYTES, total: 2 * DISK_BYTES, unit: 'bytes' });
  });
});

describe('without qemu-img', () => {
  test('raw disks, VHD and VHDX are read, and for others it says what is missing', async () => {
    const folder = scratchFolder();
    const raw = rawDisk(folder);
    fs.writeFileSync(
      path.join(folder, 'disk.vhd'),
      makeVhd(fs.readFileSync(raw), { sizeBytes: DISK_BYTES, blockBytes: 2 * MIB }),
    );
    const { PATH } = process.env;
    process.env.PATH = '';
    try {
      await convert(raw, path.join(folder, 'disk.vhdx'), { format: 'vhdx' });
      await convert(path.join(folder, 'disk.vhd'), path.join(folder, 'again.vhdx'), { format: 'vhdx' });
      const other = convert(raw, path.join(folder, 'disk.vmdk'), { format: 'vmdk' });
      await expect(other).rejects.toMatchObject({ code: 'TOOL_MISSING' });
    } finally {
      process.env.PATH = PATH;
    }
    expect(fs.readdirSync(folder).sort()).toEqual(['again.vhdx', 'disk.raw', 'disk.vhd', 'disk.vhdx']);
  });
});

describeWith(['qemu-img'], 'a disk that is refused', () => {
  test('stands on another file, or keeps its data there', async () => {
    const folder = scratchFolder();
    const secret = path.join(folder, 'secret');
    fs.writeFileSync(secret, Buffer.alloc(MIB, 'secret'));
    const at = (name: string) => path.join(folder, name);
    qemu('create', '-f', 'qcow2', '-b', secret, '-F', 'raw', at('backed.qcow2'));
    await refused(at('backed.qcow2'), /stands on another file, .*secret/);
    qemu(
      'create',
      '-f',
      'qcow2',
      '-o',
      `data_file=${at('data')},data_file_raw=on`,
      at('outside.qcow2'),
      '1M',
    );
    await refused(at('outside.qcow2'), /stands on another file, .*data/);
    qemu('create', '-f', 'vmdk', at('base.vmdk'), '1M');
    qemu('create', '-f', 'vmdk', '-b', at('base.vmdk'), '-F', 'vmdk', at('backed.vmdk'));
    await refused(at('backed.vmdk'), /stands on another file, .*base\.vmdk/);
  });

  test('is a VMDK that names any file but its own parts', async () => {
    const folder = scratchFolder();
    fs.writeFileSync(path.join(folder, 'secret.vmdk'), Buffer.alloc(MIB, 'secret'));
    fs.writeFileSync(path.join(folder, 'disk-secret.vmdk'), '');
    fs.rmSync(path.join(folder, 'disk-secret.vmdk'));
    fs.symlinkSync('secret.vmdk', path.join(folder, 'disk-secret.vmdk'));
    execFileSync('mkfifo', [path.join(folder, 'disk-pipe.vmdk')]);
    const file = path.join(folder, 'disk.vmdk');
    for (const [extent, reason] of [
      ['RW 2048 FLAT "/etc/passwd" 0', /consists of another file, \/etc\/passwd,/],
      ['RW 2048 FLAT "secret.vmdk" 0', /consists of another file, secret\.vmdk,/],
      ['RW 2048 FLAT "../disk-s001.vmdk" 0', /consists of another file/],
      ['RW 2048 FLAT "disk-/../secret.vmdk" 0', /consists of another file/],
      ['  RW 2048 FLAT "nbd://127.0.0.1/x"', /consists of another file, nbd:/],
      ['RW 2048 FLAT "disk-s001.vmdk" 0', /disk-s001\.vmdk, of which it consists, is missing/],
      ['RW 2048 FLAT "disk-secret.vmdk" 0', /is missing or is not a file/],
      ['RW 2048 FLAT "disk-pipe.vmdk" 0', /is missing or is not a file/],
    ] as const) {
      const lines = [
        '# Disk DescriptorFile',
        'version=1',
        'CID=fffffffe',
        'parentCID=ffffffff',
        'createType="monolithicFlat"',
        extent,
      ];
      fs.writeFileSync(file, `${lines.join('\n')}\n`);
      await refused(file, reason);
    }
    const header = Buffer.alloc(512);
    header.write('KDMV');
    fs.writeFileSync(file, header);
    await refused(file, /names other files in a way that is not supported/);
  });

  test('is cut short', async () => {
    const folder = scratchFolder();
    const raw = rawDisk(folder);
    for (const [format, length] of [
      ['qcow2', 300_000],
      ['vhd', 1_000_000],
      ['vmdk', 100_000],
    ] as const) {
      const file = path.join(folder, `short.${format}`);
      await convert(raw, file, { format });
      fs.truncateSync(file, length);
      await refused(file, /it is cut short/);
    }
  });

  test('is not what it was said to be', async () => {
    const raw = rawDisk(scratchFolder());
    for (const format of ['qcow2', 'vmdk', 'vhd'] as const) await refused(raw, /./, format);
  });
});

describeWith(['qemu-img'], 'a VMDK', () => {
  test.each(['monolithicFlat', 'twoGbMaxExtentSparse', 'twoGbMaxExtentFlat', 'streamOptimized'])(
    'of the type %s is read with its own parts',
    async (subformat) => {
      const folder = scratchFolder();
      const raw = rawDisk(folder);
      const file = path.join(folder, 'my disk.vmdk');
      qemu('convert', '-f', 'raw', '-O', 'vmdk', '-o', `subformat=${subformat}`, raw, file);
      const back = path.join(folder, 'back.raw');
      await convert(file, back, { format: 'raw' });
      expect(fs.readFileSync(back).equals(fs.readFileSync(raw))).toBe(true);
    },
  );

  test('that was renamed is still its own only part', async () => {
    const folder = scratchFolder();
    const raw = rawDisk(folder);
    qemu('convert', '-f', 'raw', '-O', 'vmdk', raw, path.join(folder, 'old.vmdk'));
    fs.renameSync(path.join(folder, 'old.vmdk'), path.join(folder, 'new.vmdk'));
    await convert(path.join(folder, 'new.vmdk'), path.join(folder, 'back.raw'), { format: 'raw' });
    expect(fs.readFileSync(path.join(folder, 'back.raw')).equals(fs.readFileSync(raw))).toBe(true);
  });
});
