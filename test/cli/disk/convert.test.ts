import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from '../../../src/cli/run.ts';
import { createVhdx } from '../../../src/vhdx/create.ts';
import { openChain } from '../../../src/vhdx/chain.ts';
import { describeWith } from '../../support/needs.ts';
import { MIB, pattern, scratchFolder } from '../../vhdx/scratch.ts';
import { fakeConsole } from '../fake-console.ts';

async function convert(cwd: string, line: string, env: Record<string, string> = {}) {
  const console = fakeConsole({ cwd, env });
  const status = await run(['disk', 'convert', ...line.split(' ')], console);
  return { status, ...console.written };
}

/** A folder with disk.raw and disk.vhdx. */
function folderWithDisks(): string {
  const folder = scratchFolder();
  fs.writeFileSync(path.join(folder, 'disk.raw'), pattern(3 * MIB, 1));
  createVhdx(path.join(folder, 'disk.vhdx'), { sizeBytes: 8 * MIB });
  return folder;
}

describe('disk convert', () => {
  test('makes what the ending says, and says what it made', async () => {
    const folder = folderWithDisks();
    const made = await convert(folder, 'disk.raw new.vhdx --block-size 2M');
    expect(made.status).toBe(0);
    expect(made.out).toMatch(/^new\.vhdx: vhdx disk of 3 MiB, [\d.]+ MiB on disk\n$/);
    expect(made.err).toMatch(/^converting disk\.raw to new\.vhdx\n.*: DONE {2}3 MiB/);
    const disk = openChain(path.join(folder, 'new.vhdx'));
    disk.close();
    expect(disk.layers[0].geometry.blockBytes).toBe(2 * MIB);
    expect(await convert(folder, 'new.vhdx back.img -q --sync')).toEqual({ status: 0, out: '', err: '' });
    expect(fs.readFileSync(path.join(folder, 'back.img')).equals(pattern(3 * MIB, 1))).toBe(true);
  });

  test('goes by what the input holds, unless it is told what that is', async () => {
    const folder = folderWithDisks();
    fs.renameSync(path.join(folder, 'disk.vhdx'), path.join(folder, 'strange.raw'));
    const { out } = await convert(folder, 'strange.raw flat.bin --to raw --format json');
    const target = path.join(folder, 'flat.bin');
    expect(JSON.parse(out)).toMatchObject({ path: target, from: 'vhdx', format: 'raw', diskBytes: 8 * MIB });
    const bytes = await convert(folder, 'strange.raw bytes.vhdx --from raw --format json');
    const { size } = fs.statSync(path.join(folder, 'strange.raw'));
    expect(JSON.parse(bytes.out)).toMatchObject({ from: 'raw', format: 'vhdx', diskBytes: size });
  });

  test.each([
    ['disk.raw', 2, 'OUT is missing', ''],
    ['missing.raw new.vhdx', 4, 'missing.raw', 'DISK_NOT_FOUND'],
    ['. new.vhdx', 4, 'is not a regular file', ''],
    ['disk.raw new.iso', 2, 'new.iso does not say which disk format', 'Or say it with --to.'],
    ['disk.raw new --to vhxd', 2, '"vhxd" is not a value for --to', 'Did you mean vhdx?'],
    ['disk.raw disk.vhdx', 2, 'disk.vhdx exists already', 'another name'],
    ['disk.vhdx disk.vhdx', 2, 'disk.vhdx exists already', ''],
    ['disk.raw nowhere/new.vhdx', 2, 'nowhere does not exist', ''],
    ['disk.raw new.qcow2 --fixed', 2, '--fixed does not go with the format qcow2', ''],
    ['disk.raw new.raw --block-size 2M', 2, '--block-size does not go with the format raw', ''],
    ['disk.raw new.vhdx --block-size 3M', 2, 'blocks of 3145728 bytes', '256 MiB'],
    ['disk.raw new.vhdx --from vhdx', 4, 'is not a VHDX', ''],
  ])('refuses `%s`, and leaves nothing', async (line, status, problem, hint) => {
    const folder = folderWithDisks();
    const refused = await convert(folder, line);
    expect(refused).toMatchObject({ status, out: '' });
    expect(refused.err).toContain(problem);
    expect(refused.err).toContain(hint);
    expect(fs.readdirSync(folder).sort()).toEqual(['disk.raw', 'disk.vhdx']);
  });
});

describeWith(['qemu-img'], 'disk convert through qemu-img', () => {
  test('makes a disk of another program and takes it back', async () => {
    const folder = folderWithDisks();
    expect((await convert(folder, 'disk.raw new.qcow2')).err).toMatch(/: DONE {2}3 MiB/);
    expect((await convert(folder, 'new.qcow2 back.vhdx --fixed')).status).toBe(0);
    expect((await convert(folder, 'back.vhdx back.raw')).status).toBe(0);
    expect(fs.readFileSync(path.join(folder, 'back.raw')).equals(pattern(3 * MIB, 1))).toBe(true);
  });
});
