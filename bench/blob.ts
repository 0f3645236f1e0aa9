/**
 * Layers as blobs: packing one and unpacking it, beside the zstd program with the same level on the same bytes, half of
 * which compress as systems do. The program computes no SHA-256; we compute those of the content, of the blob and of every
 * frame, and the bounds allow for it. Both sides take turns, and everything is in the page cache; the peak of memory is
 * that of a process that packs or unpacks four parts at once.
 *
 *     node bench/blob.ts
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { formOf } from '../src/blob/form.ts';
import { LayerWriter } from '../src/blob/layer-writer.ts';
import { packPart } from '../src/blob/pack-part.ts';
import { planParts } from '../src/blob/parts.ts';
import type { LayerBlob, LayerForm } from '../src/oci/layer-form.ts';
import { createDisk } from '../src/vhdx/sandbox.ts';
import { medians, row, TABLE_HEAD } from './timing.ts';

const MIB = 1024 * 1024;
const USED_MIB = 1024;
const RUNS = 3;
const PACK_BOUND = 1.5;
const UNPACK_BOUND = 3;
/** Four windows for the one GiB. */
const SIZES = { cutLimitBytes: 0, windowBytes: 256 * MIB };

/** Half a megabyte of noise, half a megabyte of program code. */
function makeLayer(file: string): void {
  const code = fs.readFileSync(process.execPath);
  const disk = createDisk(file, { sizeBytes: 64 * 1024 * MIB });
  const half = MIB / 2;
  for (let index = 0; index < USED_MIB; index++) {
    const from = (index * half) % (code.length - half);
    disk.write(Buffer.concat([randomBytes(half), code.subarray(from, from + half)]), index * MIB);
  }
  disk.seal();
  disk.close();
}

/** What `work` needs beyond what the process had before, at its peak. */
async function withPeak(name: string, work: () => Promise<void>): Promise<void> {
  const before = process.memoryUsage.rss();
  let peak = before;
  const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 5);
  await work();
  clearInterval(timer);
  console.log(`${name}: ${(peak / MIB).toFixed(0)} MiB at most, ${(before / MIB).toFixed(0)} MiB before`);
}

async function packAll(layer: string, folder: string, sizes: typeof SIZES | undefined): Promise<LayerForm> {
  const parts = planParts(layer, sizes ?? { cutLimitBytes: Infinity });
  const pack = async (index: number): Promise<LayerBlob> => {
    const target = path.join(folder, `${index}.blob`);
    fs.rmSync(target, { force: true });
    return packPart(layer, parts[index], target);
  };
  return formOf(layer, parts, await Promise.all(parts.map((_, index) => pack(index))));
}

async function unpackAll(form: LayerForm, folder: string, target: string): Promise<void> {
  const writer = await LayerWriter.create(target, form, { windowBytes: SIZES.windowBytes });
  const write = (blob: LayerBlob, index: number): Promise<void> =>
    writer.write(
      blob,
      fs.createReadStream(path.join(folder, `${index}.blob`), { highWaterMark: 256 * 1024 }),
    );
  await Promise.all(form.blobs.map(write));
  await writer.finish();
}

/** The peak counts only in a process that does nothing else. */
async function measureAlone(task: string, folder: string): Promise<void> {
  await execa(process.execPath, [import.meta.filename, task, folder], { stdio: 'inherit' });
}

async function run(folder: string): Promise<void> {
  const layer = path.join(folder, 'layer.vhdx');
  const [theirs, unpacked, copy] = ['theirs.zst', 'unpacked', 'copy.vhdx'].map((name) =>
    path.join(folder, name),
  );
  makeLayer(layer);
  const form = await packAll(layer, folder, undefined);
  execFileSync('zstd', ['-T2', '-3', '-q', layer, '-o', theirs]);
  const remove =
    (...files: string[]) =>
    async () => {
      for (const file of files) fs.rmSync(file, { force: true });
      return Promise.resolve();
    };
  const seconds = await medians(
    [
      { name: 'pack', run: async () => void (await packAll(layer, folder, undefined)) },
      {
        name: 'zstd -T2 -3',
        before: remove(theirs),
        run: async () => void (await execa('zstd', ['-T2', '-3', '-q', layer, '-o', theirs])),
      },
      { name: 'unpack', before: remove(copy), run: () => unpackAll(form, folder, copy) },
      {
        name: 'zstd -d',
        before: remove(unpacked),
        run: async () => void (await execa('zstd', ['-d', '-q', theirs, '-o', unpacked])),
      },
    ],
    RUNS,
  );
  const rate = (name: string): string => `${(USED_MIB / seconds.get(name)!).toFixed(0)} MiB/s`;
  const compare = (ours: string, theirs: string, bound: number): void => {
    const [our, their] = [seconds.get(ours)!, seconds.get(theirs)!];
    console.log(row(`${ours} (${rate(ours)})`, our, `${theirs} (${rate(theirs)})`, their, bound));
  };
  console.log(TABLE_HEAD);
  compare('pack', 'zstd -T2 -3', PACK_BOUND);
  compare('unpack', 'zstd -d', UNPACK_BOUND);
  const [ourMib, theirMib] = [form.blobs[0].sizeBytes, fs.statSync(theirs).size].map((size) => size / MIB);
  console.log(`the blob has ${ourMib.toFixed(0)} MiB, the program's file ${theirMib.toFixed(0)} MiB`);
  if (!fs.readFileSync(layer).equals(fs.readFileSync(copy))) throw new Error('the copy differs');
  fs.rmSync(copy);
  await measureAlone('pack', folder);
  await measureAlone('unpack', folder);
}

const [task, given] = process.argv.slice(2);
if (task !== undefined && given !== undefined) {
  const layer = path.join(given, 'layer.vhdx');
  const note = path.join(given, 'form.json');
  if (task === 'pack') {
    await withPeak('packing four windows at once', async () => {
      fs.writeFileSync(note, JSON.stringify(await packAll(layer, given, SIZES)));
    });
  } else {
    const form = JSON.parse(fs.readFileSync(note, 'utf8')) as LayerForm;
    await withPeak('unpacking them', () => unpackAll(form, given, path.join(given, 'copy.vhdx')));
  }
} else {
  const folder = fs.mkdtempSync(path.join(tmpdir(), 'hyperfile-bench-'));
  try {
    await run(folder);
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
}
