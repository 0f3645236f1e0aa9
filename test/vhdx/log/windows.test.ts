/** A disk that Windows was writing to when it stopped: its log has five entries, of which the last two count. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { copyDisk } from '../../../src/disk/copy.ts';
import { createRawDisk } from '../../../src/disk/file-disk.ts';
import { openHostFile } from '../../../src/disk/host-file.ts';
import { openChain } from '../../../src/vhdx/chain.ts';
import { readCurrentHeader } from '../../../src/vhdx/header.ts';
import { openLayer } from '../../../src/vhdx/layer.ts';
import { decodeLogEntry, encodeLogEntry } from '../../../src/vhdx/log/entry.ts';
import { repairDisk } from '../../../src/vhdx/operations/repair.ts';
import { describeWith, testWith } from '../../support/needs.ts';
import { MIB, scratchFolder } from '../scratch.ts';

const PACKED = path.resolve(
  import.meta.dirname,
  '../../../../shared/reference/windows-vhdx/vhdx-log-replay.vhdx.gz',
);

describeWith([PACKED], 'a disk that Windows did not close', () => {
  function unpack(): string {
    const file = path.join(scratchFolder(), 'windows.vhdx');
    fs.writeFileSync(file, gunzipSync(fs.readFileSync(PACKED)));
    return file;
  }

  /** Everything that our chain shows, as a raw file beside it. */
  function rawOf(file: string): string {
    const raw = `${file}.raw`;
    const chain = openChain(file);
    const disk = createRawDisk(raw, chain.sizeBytes);
    for (const _ of copyDisk(chain, disk));
    disk.close();
    chain.close();
    return raw;
  }

  it('has a log whose entries we would write byte by byte as Windows did', () => {
    const file = openHostFile(unpack());
    const { logGuid, logOffset, logLength } = readCurrentHeader(file);
    file.close();
    const ring = fs.readFileSync(file.path).subarray(logOffset, logOffset + logLength);
    const entries = [0x0, 0x1000, 0x3000, 0x5000, 0x7000].map((at) => {
      const bytes = ring.subarray(at, at + ring.readUInt32LE(at + 8));
      const entry = decodeLogEntry(bytes, { logGuid, logOffset, logLength })!;
      expect(Buffer.compare(encodeLogEntry(entry), bytes)).toBe(0);
      const { sequenceNumber, tailOffset, flushedFileBytes, lastFileBytes, changes } = entry;
      const fileMb = [flushedFileBytes, lastFileBytes].map((size) => size / MIB);
      return [sequenceNumber - 80117443871106387n, tailOffset, ...fileMb, changes.length];
    });
    expect(entries).toEqual([
      [0n, 0x0, 4, 4, 0],
      [1n, 0x1000, 4, 4, 1],
      [2n, 0x1000, 4, 4, 1],
      [3n, 0x1000, 4, 36, 1],
      [4n, 0x5000, 36, 36, 1],
    ]);
  });

  it('is read with the last two of them applied, and not touched', () => {
    const file = unpack();
    const before = fs.readFileSync(file);
    const layer = openLayer(file);
    layer.file.close();
    expect(layer.replayedLog).toEqual({
      entryCount: 2,
      pageCount: 1,
      zeroBytes: 0,
      grownBytes: 0,
      sequenceNumber: 80117443871106391n,
    });
    openChain(file).close();
    expect(fs.readFileSync(file).equals(before)).toBe(true);
  });

  testWith(['sfdisk'], 'holds the two partitions that sfdisk finds', () => {
    const table = execFileSync('sfdisk', ['--json', rawOf(unpack())], { encoding: 'utf8' });
    expect(JSON.parse(table)).toMatchObject({
      partitiontable: {
        label: 'dos',
        partitions: [
          { start: 2048, size: 204800, type: '83' },
          { start: 206848, size: 409600, type: '83' },
        ],
      },
    });
  });

  testWith(['mmls'], 'holds the two partitions that The Sleuth Kit finds', () => {
    const lines = execFileSync('mmls', ['-t', 'dos', rawOf(unpack())], { encoding: 'utf8' }).split('\n');
    const linux = lines
      .filter((line) => line.includes('Linux (0x83)'))
      .map((line) => line.split(/\s+/).slice(2, 5));
    expect(linux.map((row) => row.map(Number))).toEqual([
      [2048, 206847, 204800],
      [206848, 616447, 409600],
    ]);
  });

  testWith(['qemu-img'], 'shows what it shows after qemu-img replayed the log, and after we did', () => {
    const file = unpack();
    const raw = rawOf(file);
    const [theirs, ours] = ['theirs.vhdx', 'ours.vhdx'].map((name) => path.join(path.dirname(file), name));
    fs.copyFileSync(file, theirs);
    fs.copyFileSync(file, ours);
    execFileSync('qemu-img', ['check', '-r', 'all', theirs]);
    repairDisk(ours, new Set(['replay-log']));
    for (const replayed of [theirs, ours]) {
      execFileSync('qemu-img', ['check', replayed]);
      execFileSync('qemu-img', ['compare', '-f', 'vhdx', '-F', 'raw', replayed, raw]);
    }
  });
});
