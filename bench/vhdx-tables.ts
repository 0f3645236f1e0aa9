/**
 * The largest block tables there are: `hyperfile disk info` and `disk check` against `qemu-img check`, whole commands, on
 * the same files of 64 TiB in blocks of 1 MiB, in the same run; and the most memory that ours take.
 *
 *     node bench/vhdx-tables.ts [CASE]...     cases: empty zero ordered shuffled; default all
 *
 * After `npm run build`, with qemu-utils. BENCH_RUNS changes the number of runs, BENCH_FOLDER says where the files lie
 * (1.6 GiB, on a file system that takes sparse files of 16 TiB).
 */
import {
  closeSync,
  ftruncateSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { createVhdx } from '../src/vhdx/create.ts';
import { openLayer } from '../src/vhdx/layer.ts';
import { medians, row, TABLE_HEAD, type Timed } from './timing.ts';

const MIB = 1024 * 1024;
const TIB = MIB * MIB;
const RUNS = Number(process.env.BENCH_RUNS ?? 5);
const COMMAND = path.resolve(import.meta.dirname, '../dist/hyperfile.cjs');
const TIME_BOUND = 2;
const MEMORY_BOUND_BYTES = 300e6;
/** Files of ext4 end at 16 TiB. */
const PRESENT_BLOCKS = 15 * MIB;
const [ZERO, FULLY_PRESENT] = [2n, 6n];

const folder = mkdtempSync(path.join(process.env.BENCH_FOLDER ?? tmpdir(), 'hyperfile-bench-'));

/** The entry of every block, given where the first block may lie, in MiB; 0 for blocks that are not present. */
const CASES: Readonly<Record<string, ((block: number, firstMb: number) => bigint) | undefined>> = {
  empty: undefined,
  zero: () => ZERO,
  ordered: (block, firstMb) => (block < PRESENT_BLOCKS ? presentAt(firstMb + block) : 0n),
  // A step that has no factor in common with the number of blocks visits every place once.
  shuffled: (block, firstMb) =>
    block < PRESENT_BLOCKS ? presentAt(firstMb + ((block * 7_368_787) % PRESENT_BLOCKS)) : 0n,
};

function presentAt(fileMb: number): bigint {
  return (BigInt(fileMb) << 20n) | FULLY_PRESENT;
}

function makeFile(name: string): string {
  const file = path.join(folder, `${name}.vhdx`);
  createVhdx(file, { sizeBytes: 64 * TIB, blockBytes: MIB });
  const entryOf = CASES[name];
  if (entryOf === undefined) return file;
  const { geometry, regions, fileBytes } = withTables(file);
  const firstMb = fileBytes / MIB;
  const fd = openSync(file, 'r+');
  const entries = new BigUint64Array(geometry.chunkRatio);
  for (let chunk = 0; chunk < geometry.chunkCount; chunk++) {
    const firstBlock = chunk * geometry.chunkRatio;
    for (let i = 0; i < entries.length; i++) entries[i] = entryOf(firstBlock + i, firstMb);
    // Behind the blocks of each chunk comes the entry of its sector bitmap, which stays zero.
    const index = firstBlock + chunk;
    if (entries.some((entry) => entry !== 0n))
      writeSync(fd, entries, 0, entries.byteLength, regions.bat.fileOffset + index * 8);
  }
  if (entryOf(0, firstMb) !== ZERO) ftruncateSync(fd, (firstMb + PRESENT_BLOCKS) * MIB);
  closeSync(fd);
  return file;
}

function withTables(file: string) {
  const layer = openLayer(file);
  layer.file.close();
  return layer;
}

/** What a command of ours says when it ends: the most memory it had. */
const peakFile = path.join(folder, 'peak');
const hook = path.join(folder, 'hook.cjs');
writeFileSync(
  hook,
  `process.on('exit', () => require('fs').writeFileSync(${JSON.stringify(peakFile)}, String(process.resourceUsage().maxRSS)));`,
);

/** Runs a command of ours; the largest of its peaks in bytes is kept by its name. */
async function runOurs(verb: string, file: string, peaks: Map<string, number>): Promise<void> {
  await execa(process.execPath, ['--require', hook, COMMAND, 'disk', verb, file]);
  const bytes = Number(readFileSync(peakFile, 'utf8')) * 1024;
  peaks.set(verb, Math.max(peaks.get(verb) ?? 0, bytes));
}

async function race(name: string): Promise<void> {
  const file = makeFile(name);
  const peaks = new Map<string, number>();
  const timed: Timed[] = [
    { name: 'info', run: () => runOurs('info', file, peaks) },
    { name: 'check', run: () => runOurs('check', file, peaks) },
    { name: 'qemu-img', run: async () => void (await execa('qemu-img', ['check', file])) },
  ];
  const seconds = await medians(timed, RUNS);
  for (const verb of ['info', 'check']) {
    const theirs = seconds.get('qemu-img')!;
    console.log(row(`disk ${verb}, ${name}`, seconds.get(verb)!, 'qemu-img check', theirs, TIME_BOUND));
    const memory = `disk ${verb}, ${name}: memory`;
    console.log(row(memory, peaks.get(verb)!, 'limit', MEMORY_BOUND_BYTES, 1, 'bytes'));
  }
  rmSync(file);
}

try {
  const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(CASES);
  console.log(TABLE_HEAD);
  for (const name of wanted) await race(name);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
