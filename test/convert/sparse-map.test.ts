import { closeSync, fsyncSync, ftruncateSync, openSync, writeFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { dataRanges } from '../../src/convert/sparse-map.ts';
import { describeWith } from '../support/needs.ts';
import { MIB, scratchFolder } from '../vhdx/scratch.ts';

const SIZE = 512 * MIB + 1000;

/** A file of holes, but for some bytes at these places. */
function sparseFile(places: readonly number[], size = SIZE): string {
  const file = path.join(scratchFolder(), 'a "sparse" $file\n.raw');
  const fd = openSync(file, 'w');
  ftruncateSync(fd, size);
  for (const at of places) writeSync(fd, 'data', at);
  fsyncSync(fd);
  closeSync(fd);
  return file;
}

const contains = (ranges: readonly { fileOffset: number; length: number }[], at: number) =>
  ranges.some(({ fileOffset, length }) => at >= fileOffset && at < fileOffset + length);

/** Only where the system tells holes apart from data: any file system of Linux that people use. */
describeWith(['perl'], 'the data of a sparse file', () => {
  const places = [0, 100 * MIB, 100 * MIB + 8192, 300 * MIB + 12345, SIZE - 4];

  test('are found, and little besides', async () => {
    const ranges = await dataRanges(sparseFile(places));
    for (const at of places) expect(contains(ranges, at)).toBe(true);
    expect(ranges.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(MIB);
    let end = 0;
    for (const { fileOffset, length } of ranges) {
      expect(fileOffset).toBeGreaterThanOrEqual(end);
      end = fileOffset + length;
    }
    expect(end).toBe(SIZE);
  });

  test('are none where there are none', async () => {
    expect(await dataRanges(sparseFile([]))).toEqual([]);
  });

  test('are the whole file without Perl, or when it fails', async () => {
    const file = sparseFile(places);
    const { PATH } = process.env;
    onTestFinished(() => {
      process.env.PATH = PATH;
    });
    for (const stub of [undefined, 'exit 1', 'echo not a map', 'echo 5 3', 'echo 0 10; echo 5 20']) {
      const folder = scratchFolder();
      if (stub !== undefined)
        writeFileSync(path.join(folder, 'perl'), `#!/bin/sh\n${stub}\n`, { mode: 0o755 });
      process.env.PATH = folder;
      expect(await dataRanges(file)).toEqual([{ fileOffset: 0, length: SIZE }]);
    }
  });
});

describeWith([], 'a file with few holes', () => {
  test('counts as data from beginning to end', async () => {
    expect(await dataRanges(sparseFile([5], 10 * MIB))).toEqual([{ fileOffset: 0, length: 10 * MIB }]);
  });
});
