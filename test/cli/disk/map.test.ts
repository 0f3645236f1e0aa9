/** `hyperfile disk map`: what it prints, and what other programs say of the same disk. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { run } from '../../../src/cli/run.ts';
import { createChild } from '../../../src/vhdx/create.ts';
import type { MapExtent } from '../../../src/vhdx/operations/map.ts';
import { createDisk, openSandbox } from '../../../src/vhdx/sandbox.ts';
import { builtCommand } from '../../support/built-command.ts';
import { describeWith } from '../../support/needs.ts';
import { MIB, pattern, scratchFolder } from '../../vhdx/scratch.ts';
import { fakeConsole } from '../fake-console.ts';

async function map(cwd: string, ...argv: string[]): Promise<{ status: number; out: string; err: string }> {
  const console = fakeConsole({ cwd });
  const status = await run(['disk', 'map', ...argv], console);
  return { status, ...console.written };
}

/** A base with data in blocks 1 and 2, and a difference with a page of its own. */
function folderWithChain(): string {
  const folder = scratchFolder();
  const at = (name: string) => path.join(folder, name);
  const base = createDisk(at('base.vhdx'), { sizeBytes: 16 * MIB });
  base.write(pattern(2 * MIB, 1), MIB);
  base.seal();
  base.close();
  const child = openSandbox({ chain: at('base.vhdx'), sandboxPath: at('child.vhdx') });
  child.write(pattern(4096, 2), 2 * MIB);
  child.seal();
  child.close();
  return folder;
}

describe('disk map', () => {
  it('says of every part of a chain which file holds it and where', async () => {
    const { status, out, err } = await map(folderWithChain(), 'child.vhdx');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toBe(
      [
        'OFFSET    LENGTH    DEPTH  FILE OFFSET  FILE',
        '0         1048576   -      -            zeros',
        '1048576   1048576   1      4194304      base.vhdx',
        '2097152   4096      0      4194304      child.vhdx',
        '2101248   1044480   1      5246976      base.vhdx',
        '3145728   13631488  -      -            zeros',
        '',
      ].join('\n'),
    );
  });

  it('prints one extent a line as JSON, in the words of qemu-img', async () => {
    const folder = folderWithChain();
    const { out } = await map(folder, 'child.vhdx', '--format', 'json');
    const extents = JSON.parse(out) as MapExtent[];
    expect(out.split('\n').length).toBe(extents.length + 1);
    expect(extents.slice(0, 2)).toEqual([
      { start: 0, length: MIB, zero: true, data: false },
      {
        ...{ start: MIB, length: MIB, zero: false, data: true },
        ...{ depth: 1, offset: 4 * MIB, file: path.join(folder, 'base.vhdx') },
      },
    ]);
  });

  it('shows a part only, and nothing of a part that is not on the disk', async () => {
    const folder = folderWithChain();
    const part = async (...argv: string[]) => {
      const { out, err } = await map(folder, 'child.vhdx', '--format=json', ...argv);
      expect(err).toBe('');
      return (JSON.parse(out) as MapExtent[]).map(({ start, length }) => [start, length]);
    };
    expect(await part('--start-offset', '2M', '--max-length', '4K')).toEqual([[2 * MIB, 4096]]);
    expect(await part('--start-offset', '0', '--max-length', '512')).toEqual([[0, 512]]);
    expect(await part('--start-offset', '15M')).toEqual([[15 * MIB, MIB]]);
    expect(await part('--start-offset', '1T')).toEqual([]);
    const wrong = await map(folder, 'child.vhdx', '--start-offset', '-1');
    expect(wrong.status).toBe(2);
  });

  it('fails as opening the disk does', async () => {
    const folder = folderWithChain();
    expect(await map(folder, 'none.vhdx')).toMatchObject({ status: 4, out: '' });
    fs.rmSync(path.join(folder, 'base.vhdx'));
    const { status, out, err } = await map(folder, 'child.vhdx');
    expect({ status, out }).toEqual({ status: 4, out: '' });
    expect(err).toContain('the parent of');
  });

  it('of very many extents ends when its reader has seen enough', () => {
    const folder = scratchFolder();
    const file = path.join(folder, 'base.vhdx');
    createDiskOfIslands(file, 64);
    const child = path.join(folder, 'child.vhdx');
    createChild(child, file);
    const command = `"${process.execPath}" "${builtCommand()}" disk map child.vhdx | head -n 2`;
    const out = execFileSync('sh', ['-c', command], { cwd: folder, encoding: 'utf8' });
    expect(out.split('\n').length).toBe(3);
  });
});

/** A difference of which every second sector is its own: 1024 extents a megabyte. */
function createDiskOfIslands(file: string, megabytes: number): void {
  const base = path.join(path.dirname(file), 'zeros.vhdx');
  const zeros = createDisk(base, { sizeBytes: megabytes * MIB });
  zeros.seal();
  zeros.close();
  const disk = openSandbox({ chain: base, sandboxPath: file });
  const sector = pattern(512, 1);
  for (let at = 0; at < megabytes * MIB; at += 1024) disk.write(sector, at);
  disk.seal();
  disk.close();
}

describeWith(['qemu-img', 'qemu-io'], 'disk map of a disk that qemu-img made', () => {
  it('leads to the bytes that qemu-img reads, and says zeros only where it reads zeros', async () => {
    const folder = scratchFolder();
    const [file, raw] = ['disk.vhdx', 'disk.raw'].map((name) => path.join(folder, name));
    execFileSync('qemu-img', ['create', '-q', '-f', 'vhdx', '-o', 'block_size=1M', file, '64M']);
    const writes = ['write -P 7 3M 2M', 'write -P 8 20500K 4K', 'write -P 9 60M 4M', 'write -P 3 8M 64K'];
    execFileSync('qemu-io', ['-f', 'vhdx', ...writes.flatMap((write) => ['-c', write]), file]);
    execFileSync('qemu-img', ['convert', '-f', 'vhdx', '-O', 'raw', file, raw]);
    const disk = fs.readFileSync(raw);
    const bytes = fs.readFileSync(file);
    const extents = JSON.parse((await map(folder, 'disk.vhdx', '--format=json')).out) as MapExtent[];
    let end = 0;
    for (const { start, length, data, offset = 0 } of extents) {
      expect(start).toBe(end);
      end += length;
      const expected = data ? bytes.subarray(offset, offset + length) : Buffer.alloc(length);
      expect(disk.subarray(start, end).equals(expected)).toBe(true);
    }
    expect(end).toBe(64 * MIB);
    // qemu-img's own map of a VHDX calls all of it data; of a copy as qcow2 it knows more. Blocks are of 1 MiB.
    const copy = path.join(folder, 'disk.qcow2');
    execFileSync('qemu-img', ['convert', '-f', 'vhdx', '-O', 'qcow2', file, copy]);
    const args = ['map', '--output=json', '-f', 'qcow2', copy];
    const theirs = JSON.parse(execFileSync('qemu-img', args, { encoding: 'utf8' })) as MapExtent[];
    const blocksOf = (map: readonly MapExtent[]) => {
      const blocks = new Set<number>();
      for (const { start, length, data } of map) {
        for (let at = start; data && at < start + length; at += 4096) blocks.add(Math.floor(at / MIB));
      }
      return [...blocks];
    };
    expect(blocksOf(extents)).toEqual(blocksOf(theirs));
    expect(
      extents.filter(({ data }) => data).map(({ start, length }) => [start / MIB, length / MIB]),
    ).toEqual([
      [3, 2],
      [8, 1],
      [20, 1],
      [60, 4],
    ]);
  });
});
