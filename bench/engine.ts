/**
 * The VHDX engine alone, without kernel or disk server: random 4 KiB reads and writes and sequential 1 MiB reads through
 * a sandbox on a chain of one and of thirty-two layers, and the memory its index takes. Everything is in the page cache.
 * The two depths take turns, time is processor time and the best round counts: a busy machine should spoil little.
 *
 *     node --expose-gc bench/engine.ts
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SealableDisk } from '../src/disk/sealable-disk.ts';
import { createDisk, openSandbox } from '../src/vhdx/sandbox.ts';

const MIB = 1024 * 1024;
const DISK_BYTES = 64 * 1024 * MIB;
const USED_BYTES = 512 * MIB;
const PAGE_BYTES = 4096;
const COUNT = 200_000;
const ROUNDS = 9;
/** Every layer above the lowest changes so many pages, anywhere: at depth 32 one page in eight. */
const PAGES_PER_LAYER = 500;

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
    for (let i = 0; i < PAGES_PER_LAYER; i++) disk.write(page, randomOffset());
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

function run(): void {
  const subjects = [openSubject(1), openSubject(32)];
  race('4 KiB reads/s', COUNT, subjects, (disk) => order.forEach((at) => disk.read(page, at)));
  race('1 MiB reads/s', USED_BYTES / MIB, subjects, readAll);
  page.fill(7);
  race('4 KiB writes/s', COUNT, subjects, (disk) => order.forEach((at) => disk.write(page, at)));
  race('4 KiB reads/s of what was written', COUNT, subjects, (disk) =>
    order.forEach((at) => disk.read(page, at)),
  );
  console.log(`4 KiB reads/s of a plain file: ${plainReads().toFixed(0)}`);
  const [one, deep] = subjects;
  for (const [name, rate] of one.best) {
    const deepRate = deep.best.get(name) ?? 0;
    console.log(
      `${name}: ${rate.toFixed(0)}, at depth 32 ${deepRate.toFixed(0)} (${(deepRate / rate).toFixed(3)})`,
    );
  }
  for (const { depth, indexBytes } of subjects) {
    const perGib = (indexBytes / 1024) * ((1024 * MIB) / USED_BYTES);
    console.log(`index and tables at depth ${depth}: ${perGib.toFixed(0)} KiB for a GiB in use`);
  }
  for (const { disk } of subjects) disk.close();
}

try {
  run();
} finally {
  fs.rmSync(folder, { recursive: true });
}
