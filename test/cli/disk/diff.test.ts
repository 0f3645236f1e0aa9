/** `hyperfile disk diff`: what it prints, and its exit status. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { run } from '../../../src/cli/run.ts';
import { createChild } from '../../../src/vhdx/create.ts';
import { createDisk, openSandbox } from '../../../src/vhdx/sandbox.ts';
import { builtCommand } from '../../support/built-command.ts';
import { MIB, pattern, scratchFolder } from '../../vhdx/scratch.ts';
import { fakeConsole } from '../fake-console.ts';

let folder: string;

/** base.vhdx, same.vhdx and other.vhdx on top of it, and raw copies. */
beforeEach(() => {
  folder = scratchFolder();
  const at = (name: string) => path.join(folder, name);
  const content = pattern(2 * MIB, 1);
  const base = createDisk(at('base.vhdx'), { sizeBytes: 8 * MIB });
  base.write(content, MIB);
  base.seal();
  base.close();
  createChild(at('same.vhdx'), at('base.vhdx'));
  const other = openSandbox({ chain: at('base.vhdx'), sandboxPath: at('other.vhdx') });
  other.write(pattern(4096, 2), 2 * MIB);
  other.write(pattern(1, 3), 7 * MIB + 600);
  other.seal();
  other.close();
  fs.writeFileSync(at('base.raw'), Buffer.concat([Buffer.alloc(MIB), content]));
});

async function diff(...argv: string[]): Promise<{ status: number; out: string; err: string }> {
  const console = fakeConsole({ cwd: folder });
  const status = await run(['disk', 'diff', ...argv], console);
  return { status, ...console.written };
}

describe('disk diff', () => {
  it('ends with 0 for disks that are the same, whatever they are made of', async () => {
    for (const other of ['base.vhdx', 'same.vhdx', 'base.raw']) {
      expect(await diff('base.vhdx', other)).toMatchObject({ status: 0, out: 'the disks are the same\n' });
    }
  });

  it('lists where disks differ, and ends with 1', async () => {
    expect(await diff('same.vhdx', 'other.vhdx')).toEqual({
      status: 1,
      out: [
        'OFFSET   LENGTH',
        '2097152  4096',
        '7340544  512',
        'the disks differ in 4.5 KiB, in 2 places',
        '',
      ].join('\n'),
      err: '',
    });
  });

  it('prints nothing under --quiet', async () => {
    expect(await diff('-q', 'same.vhdx', 'other.vhdx')).toEqual({ status: 1, out: '', err: '' });
    expect(await diff('-q', 'same.vhdx', 'base.raw')).toEqual({ status: 0, out: '', err: '' });
  });

  it('prints JSON, a range a line', async () => {
    const { status, out } = await diff('base.raw', 'other.vhdx', '--format', 'json');
    expect(status).toBe(1);
    expect(JSON.parse(out)).toEqual({
      ranges: [
        { start: 2 * MIB, length: 4096 },
        { start: 7 * MIB + 512, length: 512 },
      ],
      same: false,
      rangeCount: 2,
      differentBytes: 4608,
    });
    expect(out.split('\n').length).toBe(3);
    const same = await diff('base.raw', 'same.vhdx', '--format', 'json');
    expect(JSON.parse(same.out)).toEqual({ ranges: [], same: true, rangeCount: 0, differentBytes: 0 });
  });

  it('tells programs of differences as events, and of the result at last', async () => {
    const { status, out } = await diff('same.vhdx', 'other.vhdx', '--progress', 'json');
    expect(status).toBe(1);
    const events = out.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as object]));
    expect(events[0]).toMatchObject({ type: 'work-start' });
    expect(events.slice(1, 3)).toMatchObject([
      { type: 'difference', start: 2 * MIB },
      { type: 'difference' },
    ]);
    expect(events.at(-1)).toEqual({ type: 'result', same: false, rangeCount: 2, differentBytes: 4608 });
  });

  it('fails with other statuses than 1 for what cannot be compared, and says what to do', async () => {
    expect(await diff('base.vhdx', 'none.vhdx')).toMatchObject({ status: 4, out: '' });
    fs.writeFileSync(
      path.join(folder, 'a.qcow2'),
      Buffer.concat([Buffer.from('QFI\xfb', 'latin1'), pattern(4096, 1)]),
    );
    const foreign = await diff('base.vhdx', 'a.qcow2');
    expect(foreign).toMatchObject({ status: 4, out: '' });
    expect(foreign.err).toContain('hyperfile disk convert a.qcow2 a.raw');
    fs.truncateSync(path.join(folder, 'base.vhdx'), 5 * MIB);
    expect((await diff('same.vhdx', 'base.raw')).status).toBe(4);
  });

  it('stops at Ctrl-C', async () => {
    // Many gigabytes of blocks that are there, but for holes of the host: there is much to read.
    const large = ['a.vhdx', 'b.vhdx'].map((name) => path.join(folder, name));
    for (const file of large) {
      const disk = createDisk(file, { sizeBytes: 256 * 256 * MIB, blockBytes: 256 * MIB });
      for (let block = 0; block < 256; block++) disk.write(pattern(512, 1), block * 256 * MIB);
      disk.seal();
      disk.close();
    }
    const child = spawn(process.execPath, [builtCommand(), 'disk', 'diff', '--progress=json', ...large], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [out, err] = ['', ''];
    child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (!out.includes('work-progress') && text.includes('work-progress')) child.kill('SIGINT');
      out += text;
    });
    const [status] = (await once(child, 'close')) as [number];
    expect(status, err).toBe(130);
    expect(out).toContain('"status":"cancelled"');
    expect(out).not.toContain('"same"');
  });
});
