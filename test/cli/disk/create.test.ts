import { mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from '../../../src/cli/run.ts';
import { MIB, scratchFolder } from '../../vhdx/scratch.ts';
import { fakeConsole } from '../fake-console.ts';

/** Runs `hyperfile disk create` with the words of a line, in a folder. */
async function create(cwd: string, line: string) {
  const console = fakeConsole({ cwd });
  const status = await run(['disk', 'create', ...line.split(' ')], console);
  return { status, ...console.written };
}

describe('disk create', () => {
  test('makes a disk and says what it is', async () => {
    const folder = scratchFolder();
    const made = await create(folder, 'data.vhdx --size 64G');
    expect(made).toMatchObject({ status: 0, err: '' });
    expect(made.out).toMatch(/^data\.vhdx: dynamic disk of 64 GiB in blocks of 1 MiB, \d+ KiB on disk\n$/);
    const large = await create(folder, 'large.vhdx --size 2T');
    expect(large.out).toMatch(/^large\.vhdx: dynamic disk of 2 TiB in blocks of 32 MiB,/);
    expect(await create(folder, 'quiet.vhdx --size 1G -q')).toEqual({ status: 0, out: '', err: '' });
    expect(readdirSync(folder).sort()).toEqual(['data.vhdx', 'large.vhdx', 'quiet.vhdx']);
  });

  test('takes every option, and tells programs what came of it', async () => {
    const folder = scratchFolder();
    const words =
      '--size 8M --block-size 2M --sector-size 4096 --physical-sector-size 4096 --fixed --format json';
    const made = await create(folder, `fixed.vhdx ${words}`);
    expect(made.err).toMatch(/^creating fixed\.vhdx\ncreating fixed\.vhdx: DONE {2}8 MiB/);
    expect(JSON.parse(made.out)).toMatchObject({
      path: path.join(folder, 'fixed.vhdx'),
      type: 'fixed',
      diskBytes: 8 * MIB,
      blockBytes: 2 * MIB,
      logicalSectorBytes: 4096,
      physicalSectorBytes: 4096,
      allocatedBlocks: 4,
    });
    expect(statSync(path.join(folder, 'fixed.vhdx')).blocks * 512).toBeGreaterThanOrEqual(12 * MIB);
  });

  test('makes a difference on a disk in another folder', async () => {
    const folder = scratchFolder();
    await create(folder, 'base.avhdx --size 8M -q');
    const sub = path.join(folder, 'sub');
    mkdirSync(sub);
    const made = await create(sub, 'child.vhdx --parent ../base.avhdx --size 16M --format json');
    expect(JSON.parse(made.out)).toMatchObject({
      type: 'differencing',
      diskBytes: 16 * MIB,
      parentLocator: { relative_path: '..\\base.avhdx' },
    });
    const info = fakeConsole({ cwd: folder });
    expect(await run(['disk', 'info', 'sub/child.vhdx'], info)).toBe(0);
    expect(info.written.out).toContain(path.join(folder, 'base.avhdx'));
  });

  test('tells of its progress as JSON, and of the disk last', async () => {
    const folder = scratchFolder();
    const { out } = await create(folder, 'fixed.vhdx --size 4M --fixed --progress json');
    const lines = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { type: string });
    expect(lines.map(({ type }) => type)).toEqual(['work-start', 'work-progress', 'work-end', 'fixed']);
  });

  test.each([
    ['data.vhdx', 2, '--size is missing', 'Give one, like --size 64G'],
    ['data.vhdx --size 64Q', 2, '"64Q" is not a size', 'Write a size like 64G'],
    ['data.vhdx --size 0', 2, 'it must be more than zero', ''],
    ['data.vhdx --size 1000', 2, 'a size of 1000 bytes, which is not whole sectors', 'like 64G'],
    ['data.vhdx --size 65T', 2, 'a size of', 'at most 64 TiB'],
    [
      'data.vhdx --size 1G --block-size 3M',
      2,
      'blocks of 3145728 bytes',
      '1, 2, 4, 8, 16, 32, 64, 128 or 256 MiB',
    ],
    ['data.vhdx --size 1G --sector-size 1024', 2, '"1024" is not a value for --sector-size', '512 or 4096'],
    ['data.vhdx --size 1G --sector-size 4096 --physical-sector-size 512', 2, 'cannot be smaller', ''],
    ['data.qcow2 --size 1G', 2, 'data.qcow2 has the ending of another format', '.vhdx'],
    ['data.vhdx --parent there.vhdx --fixed', 2, '--fixed does not go with --parent', ''],
    ['data.vhdx --parent there.vhdx --sector-size 4096', 2, '--sector-size does not go with --parent', ''],
    [
      'data.vhdx --parent there.vhdx --size 4M',
      2,
      'less than the 8388608 bytes of its parent',
      'Leave the size out',
    ],
    ['data.vhdx --parent missing.vhdx', 4, 'missing.vhdx', 'DISK_NOT_FOUND'],
    ['there.vhdx --size 1G', 2, 'there.vhdx exists already', 'another name'],
    ['nowhere/data.vhdx --size 1G', 2, 'nowhere does not exist', 'Make the folder'],
  ])('refuses `%s`, and leaves nothing', async (line, status, problem, hint) => {
    const folder = scratchFolder();
    await create(folder, 'there.vhdx --size 8M -q');
    const refused = await create(folder, line);
    expect(refused).toMatchObject({ status, out: '' });
    expect(refused.err).toContain(problem);
    expect(refused.err).toContain(hint);
    expect(readdirSync(folder)).toEqual(['there.vhdx']);
    rmSync(folder, { recursive: true });
  });
});
