/** Disks that are made or converted, and stopped or out of space: whole files or none. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeWith, has } from '../support/needs.ts';
import { moments } from './support/busy-build.ts';
import { RunningCommand, type CommandOptions } from './support/command.ts';
import { expectNoStack, expectRefusal } from './support/site.ts';
import { lasting, processesOf } from '../support/traces.ts';

const MIB = 1024 * 1024;
const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-e2e-disks-'));
const at = (...names: string[]): string => path.join(folder, ...names);
const run = (words: string[], options: CommandOptions = {}) =>
  new RunningCommand(['disk', ...words], { cwd: folder, ...options });
const digestOf = (file: string) => createHash('sha256').update(readFileSync(file)).digest('hex');

beforeAll(async () => {
  mkdirSync(at('out'));
  writeFileSync(at('big.raw'), randomBytes(150 * MIB));
  for (const format of has('qemu-img') ? ['vhdx', 'qcow2'] : [])
    expect((await run(['convert', '-q', 'big.raw', `big.${format}`]).ended).status).toBe(0);
});
afterAll(() => rmSync(folder, { recursive: true }));

describeWith(['qemu-img'], 'disk convert and disk create, interrupted', () => {
  afterEach(async () => {
    expect(readdirSync(at('out'))).toEqual([]);
    expect(await lasting(() => processesOf(folder))).toEqual([]);
  });

  test.each([
    ['a raw disk', ['convert', 'big.raw', 'out/disk.vhdx'], 1500],
    ['a VHDX', ['convert', 'big.vhdx', 'out/disk.raw', '--fixed'], 1500],
    ['a disk through qemu-img', ['convert', 'big.qcow2', 'out/disk.vhdx'], 2500],
    ['a disk for qemu-img', ['convert', 'big.vhdx', 'out/disk.qcow2'], 2500],
    ['a new fixed disk', ['create', 'out/disk.vhdx', '--size', '300M', '--fixed'], 1500],
  ])('%s at any moment: no file, and the input as it was', async (_, words, durationMs) => {
    const input = words[1].startsWith('big') ? at(words[1]) : undefined;
    const before = input && digestOf(input);
    const target = at(words.find((word) => word.startsWith('out/'))!);
    for (const delayMs of moments(6, durationMs)) {
      const running = run(words);
      await sleep(delayMs);
      running.signalGroup('SIGINT');
      const ended = await running.ended;
      expectNoStack(ended.err);
      // Before the command listens and after its work the signal ends it as it ends any: with nothing, or all of it.
      if (ended.signal === null) {
        if (ended.status !== 0) expectRefusal(ended, 130, ['interrupted']);
        expect(existsSync(target)).toBe(ended.status === 0);
      } else if (existsSync(target) && target.endsWith('.vhdx'))
        expect((await run(['check', target]).ended).status).toBe(0);
      rmSync(target, { force: true });
      expect(readdirSync(at('out'))).toEqual([]);
    }
    expect(input && digestOf(input)).toBe(before);
  });

  test('while qemu-img works', async () => {
    mkdirSync(at('stuck'), { recursive: true });
    const stub =
      '#!/bin/sh\ncase $1 in convert) exec sleep 60;; info) echo \'{"virtual-size": 512}\';; esac\n';
    writeFileSync(at('stuck', 'qemu-img'), stub);
    chmodSync(at('stuck', 'qemu-img'), 0o755);
    const env = { PATH: `${at('stuck')}:${process.env.PATH ?? ''}` };
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      const running = run(['convert', 'big.qcow2', 'out/disk.vhdx'], { env });
      let isOver = false;
      void running.ended.then(() => (isOver = true));
      while (!isOver && !processesOf(folder).some((line) => line.endsWith(' sleep 60 '))) await sleep(10);
      running.signalGroup(signal);
      expectRefusal(await running.ended, 130, ['interrupted']);
    }
  });

  test('outright: the next command in the folder removes what is left', async () => {
    const running = run(['convert', 'big.raw', 'out/disk.vhdx']);
    while (readdirSync(at('out')).length === 0) await sleep(2);
    running.signal('SIGKILL');
    const { signal } = await running.ended;
    expect(signal).toBe('SIGKILL');
    expect(readdirSync(at('out'))).toEqual([expect.stringMatching(/^\.unfinished-/)]);
    expect((await run(['create', 'out/small.vhdx', '--size', '1G', '-q']).ended).status).toBe(0);
    expect(readdirSync(at('out'))).toEqual(['small.vhdx']);
    rmSync(at('out', 'small.vhdx'));
  });
});

describeWith(['root', 'qemu-img'], 'disk convert and disk create on a full disk', () => {
  const small = at('small');

  beforeAll(() => {
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=40m', 'tmpfs', small]);
  });
  afterAll(() => execFileSync('umount', [small]));
  afterEach(() => expect(readdirSync(small)).toEqual([]));

  test.each([
    ['a raw disk to VHDX', ['convert', 'big.raw', 'small/disk.vhdx']],
    ['a VHDX to a raw disk', ['convert', 'big.vhdx', 'small/disk.raw']],
    ['a raw disk to qcow2', ['convert', 'big.raw', 'small/disk.qcow2']],
    ['a VHDX to qcow2', ['convert', 'big.vhdx', 'small/disk.qcow2']],
    ['a qcow2 to VHDX', ['convert', 'big.qcow2', 'small/disk.vhdx']],
    ['a qcow2 to a fixed raw disk', ['convert', 'big.qcow2', 'small/disk.raw', '--fixed']],
    ['a new fixed disk', ['create', 'small/disk.vhdx', '--size', '100M', '--fixed']],
  ])('%s: no file, and which disk is full', async (_, words) => {
    const target = words.find((word) => word.startsWith('small/'))!;
    expectRefusal(await run(words).ended, 1, [
      'no space left',
      at(target),
      'give a name on another disk',
      'DISK_FULL',
    ]);
  });

  test('not a byte left', async () => {
    execFileSync('sh', ['-c', `dd if=/dev/zero of=${small}/ballast bs=4k 2>/dev/null || true`]);
    const ended = await run(['create', 'small/disk.vhdx', '--size', '1G']).ended;
    expectRefusal(ended, 1, ['no space left', 'DISK_FULL']);
    expect(readdirSync(small)).toEqual(['ballast']);
    rmSync(path.join(small, 'ballast'));
  });
});
