/** `hyperfile disk resize`, `compact`, `merge`, `rebase`, `trim` and `check --repair` as people type them. */
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { run } from '../../../src/cli/run.ts';
import { openForChange } from '../../../src/vhdx/edit/open.ts';
import { newDiskTable } from '../../../src/gpt/new-disk.ts';
import { newDiskLayout } from '../../../src/gpt/new-disk-layout.ts';
import { writeGpt } from '../../../src/gpt/write.ts';
import { childFile, edit, FLAWS } from '../../vhdx/damage.ts';
import { fakeConsole } from '../fake-console.ts';

let folder: string;

beforeEach(() => {
  folder = path.dirname(childFile());
});

async function disk(...argv: string[]): Promise<{ status: number; out: string; err: string }> {
  const console = fakeConsole({ cwd: folder });
  const status = await run(['disk', ...argv], console);
  return { status, ...console.written };
}

const at = (name: string) => path.join(folder, name);

async function json(...argv: string[]): Promise<Record<string, unknown>> {
  const { out, status } = await disk(...argv, '--format', 'json', '--quiet');
  expect(status).toBe(0);
  return JSON.parse(out) as Record<string, unknown>;
}

describe('disk resize', () => {
  it('takes a new size or what to add', async () => {
    expect(await json('resize', 'child.vhdx', '+4M')).toMatchObject({
      fromBytes: 8388608,
      diskBytes: 12582912,
    });
    expect(await json('resize', 'child.vhdx', '16M')).toMatchObject({ diskBytes: 16777216 });
  });

  it('makes a disk smaller only when told', async () => {
    const refused = await disk('resize', 'child.vhdx', '4M');
    expect(refused).toMatchObject({ status: 2, out: '' });
    expect(refused.err).toContain('Say --shrink if that is what you want.');
    expect(await json('resize', 'child.vhdx', '4M', '--shrink')).toMatchObject({ diskBytes: 4194304 });
  });

  it('does not cut partitions', async () => {
    await disk('create', 'parted.vhdx', '--size', '256M', '--quiet');
    const parted = openForChange(at('parted.vhdx'));
    writeGpt(parted, newDiskTable(newDiskLayout(parted.sizeBytes), 'amd64'));
    parted.close();
    const { status, err } = await disk('resize', 'parted.vhdx', '32M', '--shrink');
    expect(status).toBe(4);
    expect(err).toContain('VHDX_PARTITION_LOST');
    expect(await json('resize', 'parted.vhdx', '32M', '--shrink', '--force')).toMatchObject({
      diskBytes: 33554432,
    });
  });

  it('says what is wrong with a size, and with a disk on which others stand', async () => {
    expect(await disk('resize', 'child.vhdx', 'much')).toMatchObject({ status: 2 });
    const { status, err } = await disk('resize', 'base.vhdx', '+1M');
    expect(status).toBe(4);
    expect(err).toContain(at('child.vhdx'));
  });
});

describe('disk merge', () => {
  it('says where everything is now', async () => {
    expect(await json('merge', 'child.vhdx')).toEqual({
      path: at('child.vhdx'),
      parent: at('base.vhdx'),
      relinked: [],
    });
    expect(fs.readdirSync(folder)).toEqual(['base.vhdx']);
  });

  it('refuses a disk that stands alone', async () => {
    expect(await disk('merge', 'base.vhdx')).toMatchObject({ status: 2, out: '' });
  });
});

describe('disk rebase', () => {
  it('follows a parent that was moved', async () => {
    fs.mkdirSync(at('bases'));
    fs.renameSync(at('base.vhdx'), at('bases/debian.vhdx'));
    expect(await disk('info', 'child.vhdx')).toMatchObject({ status: 4 });
    expect(await disk('rebase', 'child.vhdx', '--parent', 'bases/debian.vhdx')).toEqual({
      status: 0,
      out: `${at('child.vhdx')} stands on ${at('bases/debian.vhdx')}\n`,
      err: '',
    });
    expect(await disk('info', 'child.vhdx')).toMatchObject({ status: 0 });
  });

  it('refuses another disk, and says how to insist', async () => {
    await disk('create', 'other.vhdx', '--size', '8M', '--quiet');
    const { status, err } = await disk('rebase', 'child.vhdx', '--parent', 'other.vhdx');
    expect(status).toBe(4);
    expect(err).toContain('--ignore-id-mismatch');
    expect(await disk('rebase', 'child.vhdx')).toMatchObject({ status: 2 });
  });
});

describe('disk trim and disk compact', () => {
  it('give room back to the disk, and to the host', async () => {
    const before = fs.statSync(at('child.vhdx')).size;
    expect(await json('trim', 'child.vhdx', '--offset', '3M', '--length', '1M')).toMatchObject({
      freedBlocks: 1,
    });
    expect(fs.statSync(at('child.vhdx')).size).toBe(before);
    expect(await json('compact', 'child.vhdx')).toMatchObject({
      beforeBytes: before,
      afterBytes: before - 2097152,
    });
  });

  it('refuse a range that is not on the disk', async () => {
    expect(await disk('trim', 'child.vhdx', '--offset', '7M', '--length', '2M')).toMatchObject({ status: 4 });
    expect(await disk('trim', 'child.vhdx', '--offset', '9M')).toMatchObject({ status: 4 });
  });
});

describe('disk check --repair', () => {
  it('says what it has put right', async () => {
    const flaw = FLAWS.find(({ repair }) => repair === 'region-flags')!;
    edit(at('base.vhdx'), flaw);
    expect(await json('check', 'base.vhdx')).toMatchObject({ errors: 0, warnings: 2 });
    expect(await json('check', 'base.vhdx', '--repair')).toMatchObject({
      errors: 0,
      warnings: 0,
      repaired: ['region-flags'],
    });
  });
});

describe('files that are none of the commands’ business', () => {
  it('are refused: layers of a store', async () => {
    for (const name of ['layers', 'images']) fs.mkdirSync(at(name));
    fs.writeFileSync(at('version'), '1\n');
    fs.renameSync(at('base.vhdx'), at('layers/base.vhdx'));
    const before = fs.readFileSync(at('layers/base.vhdx'));
    for (const argv of [['resize', '+1M'], ['compact'], ['trim'], ['check', '--repair']]) {
      const [verb, ...rest] = argv;
      const { status, err } = await disk(verb, 'layers/base.vhdx', ...rest);
      expect({ verb, status }).toEqual({ verb, status: 4 });
      expect(err).toContain('VHDX_LAYER_OF_STORE');
    }
    expect(fs.readFileSync(at('layers/base.vhdx')).equals(before)).toBe(true);
  });

  it('are refused: what is no disk, or not there', async () => {
    fs.writeFileSync(at('text.vhdx'), 'no disk');
    for (const argv of [
      ['resize', '+1M'],
      ['compact'],
      ['trim'],
      ['merge'],
      ['rebase', '--parent', 'base.vhdx'],
    ]) {
      const [verb, ...rest] = argv;
      for (const name of ['text.vhdx', 'missing.vhdx', '.']) {
        const { status, out, err } = await disk(verb, name, ...rest);
        expect({ verb, name, status, out }).toEqual({ verb, name, status: 4, out: '' });
        expect(err).not.toContain('CLI_INTERNAL');
      }
    }
    expect(fs.readdirSync(folder).filter((name) => name.endsWith('.lock'))).toEqual([]);
  });
});
