/** `hyperfile disk info`: what it tells of files and chains, to people and to programs. */
import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it } from 'vitest';
import { run } from '../../../src/cli/run.ts';
import type { LayerReport } from '../../../src/cli/disk/report.ts';
import { createChild } from '../../../src/vhdx/create.ts';
import { createDisk } from '../../../src/vhdx/sandbox.ts';
import { describeWith } from '../../support/needs.ts';
import { MIB, pattern, scratchFolder } from '../../vhdx/scratch.ts';
import { fakeConsole } from '../fake-console.ts';

const WINDOWS_FILE = path.resolve(
  import.meta.dirname,
  '../../../../shared/reference/windows-vhdx/vhdx-log-replay.vhdx.gz',
);

let folder: string;

/** base.vhdx with two blocks, child.vhdx and grandchild.vhdx on it. */
beforeEach(() => {
  folder = scratchFolder();
  const at = (name: string) => path.join(folder, name);
  const base = createDisk(at('base.vhdx'), { sizeBytes: 16 * MIB });
  base.write(pattern(2 * MIB, 1), MIB);
  base.seal();
  base.close();
  createChild(at('child.vhdx'), at('base.vhdx'));
  createChild(at('grandchild.vhdx'), at('child.vhdx'), { blockBytes: 2 * MIB });
});

async function info(...argv: string[]): Promise<{ status: number; out: string; err: string }> {
  const console = fakeConsole({ cwd: folder });
  const status = await run(['disk', 'info', ...argv], console);
  return { status, ...console.written };
}

async function json(file: string) {
  const { out } = await info(file, '--format', 'json');
  return JSON.parse(out) as { layers: LayerReport[]; problem?: { code: string } };
}

describe('disk info', () => {
  it('tells of every file of a chain what it is', async () => {
    const { layers, problem } = await json('grandchild.vhdx');
    expect(problem).toBeUndefined();
    expect(layers.map(({ path: file, depth, type }) => [path.basename(file), depth, type])).toEqual([
      ['grandchild.vhdx', 0, 'differencing'],
      ['child.vhdx', 1, 'differencing'],
      ['base.vhdx', 2, 'dynamic'],
    ]);
    const [leaf, , base] = layers;
    expect(leaf).toMatchObject({ blockBytes: 2 * MIB, blocks: 8, allocatedBlocks: 0, isLogEmpty: true });
    expect(leaf.parentLocator?.parent_linkage).toBe(`{${layers[1].dataWriteGuid}}`);
    expect(base).toMatchObject({
      ...{ diskBytes: 16 * MIB, blockBytes: MIB, blocks: 16, allocatedBlocks: 2, fileBytes: 6 * MIB },
      ...{ logicalSectorBytes: 512, physicalSectorBytes: 4096, creator: 'Hyperfile' },
      ...{ virtualDiskId: leaf.virtualDiskId },
    });
    // Of the two headers the second is current, and has the odd number.
    const header = fs.readFileSync(base.path).subarray(128 * 1024);
    expect(base.headerSequenceNumber).toBe(String(header.readBigUInt64LE(8)));
    expect(base).not.toHaveProperty('parentLocator');
    expect(base.fileWriteGuid).toMatch(/^[0-9a-f-]{36}$/);
  });

  it('tells people, too', async () => {
    const { status, out, err } = await info('child.vhdx');
    expect({ status, err }).toEqual({ status: 0, err: '' });
    expect(out).toContain(`disk                ${path.join(folder, 'child.vhdx')}\n`);
    expect(out).toContain('type                differencing: holds what differs from its parent\n');
    expect(out).toContain(`\nparent 1            ${path.join(folder, 'base.vhdx')}\n`);
    expect(out).toContain('blocks              2 of 16 stored, 1 MiB each\n');
    expect(out).toMatch(/log {17}empty\n/);
    expect(out).toMatch(/\nchain {15}2 files, .* on disk\n$/);
    expect((await info('base.vhdx')).out).not.toContain('chain ');
  });

  it('tells of the file itself when the chain below it cannot be opened, and fails', async () => {
    fs.rmSync(path.join(folder, 'base.vhdx'));
    const { status, out, err } = await info('grandchild.vhdx', '--format=json');
    expect(status).toBe(4);
    expect(err).toContain('the parent of');
    const { layers, problem } = JSON.parse(out) as { layers: LayerReport[]; problem: { code: string } };
    expect(layers.length).toBe(1);
    expect(problem.code).toBe('VHDX_PARENT_NOT_FOUND');
    expect(await info('none.vhdx')).toMatchObject({ status: 4, out: '' });
  });

  it('does not let a file steer the terminal', async () => {
    const file = path.join(folder, 'base.vhdx');
    const bytes = fs.readFileSync(file);
    Buffer.from('\u001b[2Jx\u009b31m\n', 'utf16le').copy(bytes, 8);
    fs.writeFileSync(file, bytes);
    for (const argv of [['base.vhdx'], ['base.vhdx', '--format=json']]) {
      // eslint-disable-next-line no-control-regex -- what must not be there
      expect((await info(...argv)).out).not.toMatch(/[\u001b\u009b]/);
    }
  });
});

describeWith([WINDOWS_FILE], 'disk info of a disk that Windows did not close', () => {
  it('says so, and reads it as if it had been closed', async () => {
    const file = path.join(folder, 'windows.vhdx');
    fs.writeFileSync(file, gunzipSync(fs.readFileSync(WINDOWS_FILE)));
    const [layer] = (await json('windows.vhdx')).layers;
    expect(layer).toMatchObject({ isLogEmpty: false, allocatedBlocks: 1, blocks: 32, type: 'dynamic' });
    expect((await info('windows.vhdx')).out).toContain('log                 not empty');
  });
});
