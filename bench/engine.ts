/**
 * The VHDX engine alone, without kernel or disk server: random 4 KiB reads and writes and sequential 1 MiB reads through
 * a sandbox on chains of 1, 2, 32 and 200 layers, and the memory that index and tables take. Chains of more than one
 * layer hold the same scattered pages, spread over more or fewer files: what depth itself costs is what they differ in.
 * Everything is in the page cache. The depths take turns, time is processor time and the best round counts: a busy
 * machine should spoil little. Then random writes against the disk server, which needs root and fio.
 *
 *     node --expose-gc bench/engine.ts
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SealableDisk } from '../src/disk/sealable-disk.ts';
import { createDisk, openSandbox } from '../src/vhdx/sandbox.ts';
import { compareWrites } from './engine-writes.ts';
import { row, TABLE_HEAD } from './timing.ts';

const MIB = 1024 * 1024;
const DISK_BYTES = 64 * 1024 * MIB;
const USED_BYTES = 512 * MIB;
const PAGE_BYTES = 4096;
const COUNT = 100_000;
const ROUNDS = 7;
const DEPTHS = [1, 2, 32, 200];
/** All layers above the lowest together change so many pages, anywhere: one in eight, however many layers there are. */
const SCATTERED_PAGES = 16_000;
/** What a deep chain may take of the time of a shallow one. */
const DEPTH_BOUND = 1.2;
/** Islands of different files that lie close to each other cannot be read with one call. */
const LONG_READ_BOUND = 1.5;
const LONG_READ = '1 MiB read in order';

const folder = fs.mkdtempSync(path.join(tmpdir(), 'hyperfile-bench-'));
const order = Float64Array.from({ length: COUNT }, randomOffset);
const page = Buffer.alloc(PAGE_BYTES, 7);
const large = Buffer.alloc(MIB);
let fileCount = 0;

function randomOffset(): number {
  return Math.floor(Math.random() * (USED_BYTES / PAGE_BYTES)) * PAGE_BYTES;
}

/** Processor time of this process in seconds. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function nextPath(): string {
  return path.join(folder, `layer${fileCount++}.vhdx`);
}

/** The files of a chain, leaf first: the lowest fills USED_BYTES, the others change scattered pages. */
function chainOf(depth: number): string[] {
  const files = [nextPath()];
  const disk = createDisk(files[0], { sizeBytes: DISK_BYTES });
  large.fill(1);
  for (let at = 0; at < USED_BYTES; at += MIB) disk.write(large, at);
  for (let layer = 1; layer < depth; layer++) {
    files.unshift(nextPath());
    disk.seal(files[0]);
    for (let i = 0; i < SCATTERED_PAGES / (depth - 1); i++) disk.write(page, randomOffset());
  }
  disk.seal();
  disk.close();
  return files;
}

interface Subject {
  readonly depth: number;
  readonly disk: SealableDisk;
  readonly indexBytes: number;
  readonly best: Map<string, number>;
}

/** Opens a sandbox, and lets its index fill up to see what it weighs. */
function openSubject(depth: number): Subject {
  const chain = chainOf(depth);
  const before = memoryBytes();
  const disk = openSandbox({ chain, sandboxPath: nextPath() });
  readAll(disk);
  return { depth, disk, indexBytes: memoryBytes() - before, best: new Map() };
}

function memoryBytes(): number {
  for (let i = 0; i < 3; i++) globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

function readAll(disk: SealableDisk): void {
  for (let at = 0; at < USED_BYTES; at += MIB) disk.read(large, at);
}

/** Takes turns and keeps everybody's best round, in calls a second. */
function race(
  name: string,
  count: number,
  subjects: readonly Subject[],
  body: (disk: SealableDisk) => void,
): void {
  for (let round = 0; round < ROUNDS; round++) {
    for (const { disk, best } of subjects) {
      const started = cpuSeconds();
      body(disk);
      const rate = count / (cpuSeconds() - started);
      best.set(name, Math.max(best.get(name) ?? 0, rate));
    }
  }
}

/** The floor: the same reads from a plain file. */
function plainReads(): number {
  const file = path.join(folder, 'plain');
  fs.writeFileSync(file, Buffer.alloc(USED_BYTES, 1));
  const fd = fs.openSync(file, 'r');
  let best = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const started = cpuSeconds();
    for (const at of order) fs.readSync(fd, page, 0, PAGE_BYTES, at);
    best = Math.max(best, COUNT / (cpuSeconds() - started));
  }
  fs.closeSync(fd);
  return best;
}

async function run(): Promise<void> {
  const subjects = DEPTHS.map(openSubject);
  const offsets = (work: (disk: SealableDisk, at: number) => void) => (disk: SealableDisk) =>
    order.forEach((at) => work(disk, at));
  race(
    'random 4 KiB read',
    COUNT,
    subjects,
    offsets((disk, at) => disk.read(page, at)),
  );
  race(LONG_READ, USED_BYTES / MIB, subjects, readAll);
  page.fill(7);
  race(
    'random 4 KiB write',
    COUNT,
    subjects,
    offsets((disk, at) => disk.write(page, at)),
  );
  race(
    'random 4 KiB read of what was written',
    COUNT,
    subjects,
    offsets((disk, at) => disk.read(page, at)),
  );
  console.log(`random 4 KiB read of a plain file: ${(1e6 / plainReads()).toFixed(2)} µs`);
  const [single, shallow, ...deep] = subjects;
  for (const [name, rate] of single.best) console.log(`${name}, depth 1: ${(1e6 / rate).toFixed(2)} µs`);
  console.log(`\n${TABLE_HEAD}`);
  for (const { depth, best } of deep) {
    for (const [name, rate] of best) {
      const theirs = 1e6 / (shallow.best.get(name) ?? 0);
      const bound = name === LONG_READ ? LONG_READ_BOUND : DEPTH_BOUND;
      console.log(row(`${name}, depth ${depth}`, 1e6 / rate, 'depth 2', theirs, bound, 'µs'));
    }
  }
  for (const { disk } of subjects) disk.close();
  console.log(await compareWrites(folder));
  for (const { depth, indexBytes } of subjects) {
    console.log(
      `\ndepth ${depth}: ${(indexBytes / 1024).toFixed(0)} KiB of memory for ${USED_BYTES / MIB} MiB in use`,
    );
  }
}

try {
  await run();
} finally {
  fs.rmSync(folder, { recursive: true });
}
