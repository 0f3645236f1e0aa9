/** FROM of a disk file that is none, or is not whole: refused by name, and nothing of it comes into the store. */
import { execFileSync } from 'node:child_process';
import {
  copyFileSync,
  openSync,
  readFileSync,
  truncateSync,
  writeSync,
  closeSync,
  unlinkSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createDisk, openSandbox } from '../../src/vhdx/sandbox.ts';
import { describeWith } from '../support/needs.ts';
import { Site, SITE_NEEDS } from './support/site.ts';

describeWith(SITE_NEEDS, 'FROM a disk', () => {
  const site = new Site();
  const at = (name: string) => path.join(site.context, name);
  const qemu = (...args: string[]) => execFileSync('qemu-img', args, { stdio: 'pipe' });

  beforeAll(async () => {
    await site.prepare();
    const { status, err } = await site.run(['export', 'shell', '-o', at('golden.vhdx')]);
    expect(status, err).toBe(0);
    qemu('convert', '-O', 'qcow2', at('golden.vhdx'), at('golden.qcow2'));
  });

  afterEach(() => site.expectNothingLeft());
  afterAll(async () => {
    await site.expectCached();
    await site.expectWholeStore();
    site.remove();
  });

  const refused = (file: string, status: number, says: readonly string[]) =>
    site.refused(`FROM ./${file}\nRUN true\n`, status, [...says, /:1:1\n {2}1 \| FROM \.\/.*\n {4}\| \^/]);

  test('that is whole works: the others differ from it in one thing', async () => {
    await site.built('FROM ./golden.vhdx\nRUN true\n');
    await site.built('FROM ./golden.qcow2\nRUN true\n');
  });

  test('that is not there names it', () =>
    refused('nowhere.vhdx', 3, [`the base ${at('nowhere.vhdx')} does not exist`, 'BUILD_BASE_MISSING']));

  test.each(['text.vhdx', 'text.qcow2', 'text.raw'])('that is a text (%s) says so', async (name) => {
    site.write({ [name]: 'This is no disk.\n'.repeat(1000) });
    await refused(name, 4, [name]);
  });

  test('that is an empty file says so', async () => {
    site.write({ 'empty.vhdx': '' });
    await refused('empty.vhdx', 4, ['empty.vhdx']);
  });

  test.each(['golden.vhdx', 'golden.qcow2'])('that is cut short (%s) says so', async (name) => {
    copyFileSync(at(name), at(`short-${name}`));
    truncateSync(at(`short-${name}`), Math.floor(readFileSync(at(name)).length / 2));
    await refused(`short-${name}`, 4, [`short-${name}`]);
  });

  test('whose headers are damaged says so', async () => {
    copyFileSync(at('golden.vhdx'), at('damaged.vhdx'));
    const file = openSync(at('damaged.vhdx'), 'r+');
    for (const offset of [64 * 1024, 128 * 1024]) writeSync(file, 'damage', offset + 8);
    closeSync(file);
    await refused('damaged.vhdx', 4, ['both headers of', 'damaged.vhdx', 'VHDX_HEADERS_DAMAGED']);
  });

  test('that is a difference without its parent names both', async () => {
    const parent = createDisk(at('parent.vhdx'), { sizeBytes: 64 * 1024 * 1024 });
    parent.seal();
    parent.close();
    const difference = openSandbox({ chain: [at('parent.vhdx')], sandboxPath: at('difference.vhdx') });
    difference.seal();
    difference.close();
    unlinkSync(at('parent.vhdx'));
    await refused('difference.vhdx', 4, ['the parent of', 'difference.vhdx', 'VHDX_PARENT_NOT_FOUND']);
  });

  test('without a Linux root says so', async () => {
    qemu('create', '-f', 'raw', at('blank.raw'), '64M');
    await refused('blank.raw', 4, ['no root file system', 'DRIVER_ROOT_NOT_FOUND']);
  });

  test('that stands on another file names that file', async () => {
    qemu('create', '-f', 'qcow2', '-b', at('golden.qcow2'), '-F', 'qcow2', at('above.qcow2'));
    await refused('above.qcow2', 4, ['it stands on another file', 'golden.qcow2', 'DISK_UNUSABLE']);
  });

  test('imported, and cut short, leaves no image', async () => {
    copyFileSync(at('golden.vhdx'), at('short.vhdx'));
    truncateSync(at('short.vhdx'), 1024 * 1024);
    const ended = await site.run(['import', at('short.vhdx'), 'half']);
    expect(ended.status, ended.err).toBe(4);
    expect((await site.run(['images'])).out).not.toContain('half');
  });
});
