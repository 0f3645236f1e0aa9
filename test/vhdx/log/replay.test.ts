/** Files that were not closed: read with their log replayed, and nothing written; or the log is brought into the file. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ZERO_GUID } from '../../../src/bytes/guid.ts';
import type { BlockFile } from '../../../src/disk/block-file.ts';
import { openHostFile } from '../../../src/disk/host-file.ts';
import { openChain } from '../../../src/vhdx/chain.ts';
import { createChild } from '../../../src/vhdx/create.ts';
import { readCurrentHeader } from '../../../src/vhdx/header.ts';
import { openCleanLayer, openLayer } from '../../../src/vhdx/layer.ts';
import { applyLog, type ReplayedLog } from '../../../src/vhdx/log/replay.ts';
import { repairDisk } from '../../../src/vhdx/operations/repair.ts';
import { openSandbox } from '../../../src/vhdx/sandbox.ts';
import { describeWith } from '../../support/needs.ts';
import { qemuContents, qemuImg, sevenZip } from '../judge-programs.ts';
import { contents, MIB, pattern, scratchFolder } from '../scratch.ts';
import { afterReplay, CASES, makeVictim, type LogCase } from './cases.ts';
import { changeHeaders, entryOf, putEntry } from './logs.ts';

const refused = CASES.filter((one): one is LogCase & Required<Pick<LogCase, 'refused'>> => !!one.refused);
const replayable = CASES.filter(({ refused }) => refused === undefined);

function shown(file: string | readonly string[]): Buffer {
  const chain = openChain(file);
  try {
    return contents(chain);
  } finally {
    chain.close();
  }
}

/** Does with a file what one does who goes on writing to it. */
function recover(file: BlockFile): ReplayedLog {
  const replayed = applyLog(file, readCurrentHeader(file));
  changeHeaders(file, { logGuid: ZERO_GUID });
  return replayed;
}

function recoverOnHost(path: string): ReplayedLog {
  const file = openHostFile(path, { writable: true });
  try {
    return recover(file);
  } finally {
    file.close();
  }
}

describe('a disk that was not closed', () => {
  it.each(replayable)('is read as it will be, and not touched: $what', (one) => {
    const { file, before } = makeVictim(one.lay);
    const bytes = fs.readFileSync(file);
    expect(shown(file).equals(afterReplay(before, one))).toBe(true);
    const layer = openLayer(file);
    expect(layer.replayedLog).toBeDefined();
    expect(layer.fileBytes).toBe(one.fileBytes?.(bytes.length) ?? bytes.length);
    layer.file.close();
    expect(fs.readFileSync(file).equals(bytes)).toBe(true);
  });

  it.each(replayable)('shows the same when its log is brought into the file: $what', (one) => {
    const { file, before } = makeVictim(one.lay);
    const { size } = fs.statSync(file);
    const layer = openLayer(file);
    layer.file.close();
    expect(recoverOnHost(file)).toEqual(layer.replayedLog);
    expect(shown(file).equals(afterReplay(before, one))).toBe(true);
    const clean = openCleanLayer(file);
    expect(clean.replayedLog).toBeUndefined();
    expect(clean.dataWriteGuid).toBe(layer.dataWriteGuid);
    clean.file.close();
    expect(fs.statSync(file).size).toBe(one.fileBytes?.(size) ?? size);
  });

  it.each(refused)('is refused, and not touched: $what', ({ lay, refused: code }) => {
    const { file } = makeVictim(lay);
    const bytes = fs.readFileSync(file);
    expect(() => openLayer(file)).toThrow(expect.objectContaining({ code }) as Error);
    expect(() => recoverOnHost(file)).toThrow(expect.objectContaining({ code }) as Error);
    expect(fs.readFileSync(file).equals(bytes)).toBe(true);
  });

  it('tells what was in its log', () => {
    const { file } = makeVictim(CASES.find(({ what }) => what.startsWith('a page on zeros'))!.lay);
    const layer = openLayer(file);
    layer.file.close();
    expect(layer.replayedLog).toEqual({
      entryCount: 2,
      pageCount: 1,
      zeroBytes: MIB / 2,
      grownBytes: 0,
      sequenceNumber: 2n,
    });
  });

  it('can be a parent, and its child too: every layer of a chain is read with its own log', () => {
    const one = CASES[0];
    const { file, before } = makeVictim(one.lay);
    const child = path.join(path.dirname(file), 'child.vhdx');
    const sandbox = openSandbox({ chain: file, sandboxPath: child });
    sandbox.write(pattern(4096, 60), 5 * MIB);
    sandbox.seal();
    sandbox.close();
    const expected = afterReplay(before, one);
    pattern(4096, 60).copy(expected, 5 * MIB);
    expect(shown(child).equals(expected)).toBe(true);
    expect(shown([child, file]).equals(expected)).toBe(true);
  });

  it('that named its log but never wrote to it, is refused, and as it was after a repair', () => {
    const { file, before } = makeVictim(() => {});
    expect(() => openLayer(file)).toThrow(expect.objectContaining({ code: 'VHDX_LOG_UNUSED' }) as Error);
    repairDisk(file, new Set(['clear-log']));
    expect(shown(file).equals(before)).toBe(true);
    openCleanLayer(file).file.close();
  });

  it('is not passed on as it is', () => {
    const { file } = makeVictim(CASES[0].lay);
    expect(() => openCleanLayer(file)).toThrow(
      expect.objectContaining({ code: 'VHDX_LOG_NOT_EMPTY' }) as Error,
    );
  });

  it('whose log is longer than a log may be, is refused', () => {
    const { file } = makeVictim(CASES[0].lay);
    const onHost = openHostFile(file, { writable: true });
    onHost.truncate(3 * 1024 * MIB);
    changeHeaders(onHost, { logOffset: 16 * MIB, logLength: 1025 * MIB });
    onHost.close();
    expect(() => openLayer(file)).toThrow(expect.objectContaining({ code: 'VHDX_LOG_TOO_LONG' }) as Error);
  });

  it('whose log makes the file larger than any may be, is refused', () => {
    const lay = (ring: Uint8Array) => putEntry(ring, 0, entryOf([], { lastFileBytes: 2 ** 50 }));
    expect(() => openLayer(makeVictim(lay).file)).toThrow(
      expect.objectContaining({ code: 'VHDX_FILE_TOO_LARGE' }) as Error,
    );
  });
});

describeWith(['qemu-img', '7zz'], 'qemu-img and 7-Zip on files that were not closed', () => {
  /** What 7-Zip reads after qemu-img replayed the log in a copy; undefined when qemu-img would not, or found errors. */
  async function byQemu(file: string): Promise<Buffer | undefined> {
    const copy = path.join(scratchFolder(), 'theirs.vhdx');
    fs.copyFileSync(file, copy);
    const { isClean } = await qemuImg('check', '-r', 'all', '-f', 'vhdx', copy);
    if (!isClean) return undefined;
    const { bytes } = await sevenZip(copy);
    expect((await qemuContents(copy))?.equals(bytes)).toBe(true);
    return bytes;
  }

  for (const one of CASES) {
    const agreement = one.qemuDiffers === undefined ? 'agree' : 'differ';
    it(`${agreement} with us: ${one.what}`, async () => {
      const { file } = makeVictim(one.lay);
      const ours = one.refused === undefined ? shown(file) : undefined;
      const theirs = await byQemu(file);
      const isSame = ours === undefined ? theirs === undefined : theirs?.equals(ours) === true;
      expect(isSame, one.qemuDiffers).toBe(one.qemuDiffers === undefined);
    });
  }

  it.each(replayable)('find nothing wrong after our replay: $what', async (one) => {
    const { file, before } = makeVictim(one.lay);
    recoverOnHost(file);
    expect(await qemuImg('check', '-f', 'vhdx', file)).toMatchObject({ isClean: true });
    const { isClean, bytes } = await sevenZip(file);
    expect(isClean).toBe(true);
    expect(bytes.equals(afterReplay(before, one))).toBe(true);
    expect((await qemuContents(file))?.equals(bytes)).toBe(true);
  });

  it('agree with a child of ours on a parent that was replayed after the child was made', async () => {
    const { file, before } = makeVictim(CASES[0].lay);
    const child = path.join(path.dirname(file), 'child.vhdx');
    createChild(child, file);
    recoverOnHost(file);
    expect((await sevenZip(child)).bytes.equals(afterReplay(before, CASES[0]))).toBe(true);
  });
});
