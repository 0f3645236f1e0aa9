/**
 * The VHDX engine alone, without kernel or disk server: random 4 KiB reads and writes and sequential 1 MiB reads through
 * a sandbox on a chain of one and of thirty-two layers, and the memory its index takes. Everything is in the page cache.
 *
 *     node bench/engine.ts
 */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SealableDisk } from '../src/disk/sealable-disk.ts';
import { createDisk } from '../src/vhdx/sandbox.ts';

const MIB = 1024 * 1024;
const DISK_BYTES = 64 * 1024 * MIB;
const USED_BYTES = 512 * MIB;
const PAGE_BYTES = 4096;
const ROUNDS = 400_000;

const folder = fs.mkdtempSync(path.join(tmpdir(), 'hyperfile-bench-'));
let layerCount = 0;

/** A disk whose lowest layer fills USED_BYTES; every further one changes scattered pages, so that units are mixed. */
function chainOf(depth: number): SealableDisk {
  const nextPath = () => path.join(folder, `layer${layerCount++}.vhdx`);
  const disk = createDisk(nextPath(), { sizeBytes: DISK_BYTES });
  const fill = Buffer.alloc(MIB, 1);
  for (let at = 0; at < USED_BYTES; at += MIB) disk.write(fill, at);
  for (let layer = 1; layer < depth; layer++) {
    disk.seal(nextPath());
    const page = Buffer.alloc(PAGE_BYTES, layer + 1);
    for (let i = 0; i < 500; i++) disk.write(page, randomPage() * PAGE_BYTES);
  }
  disk.seal(nextPath());
  return disk;
}

function randomPage(): number {
  return Math.floor(Math.random() * (USED_BYTES / PAGE_BYTES));
}

/** Thousands a second, the best of five. */
function rate(count: number, body: () => void): number {
  let best = 0;
  for (let i = 0; i < 5; i++) {
    const started = performance.now();
    body();
    best = Math.max(best, count / (performance.now() - started));
  }
  return best;
}

function measure(depth: number): Record<string, string> {
  const before = memory();
  const disk = chainOf(depth);
  const page = Buffer.alloc(PAGE_BYTES);
  const large = Buffer.alloc(MIB);
  const order = Float64Array.from({ length: ROUNDS }, () => randomPage() * PAGE_BYTES);
  const reads = rate(ROUNDS, () => {
    for (const at of order) disk.read(page, at);
  });
  const index = memory() - before - order.byteLength - page.length - large.length;
  const sequential = rate(USED_BYTES / MIB, () => {
    for (let at = 0; at < USED_BYTES; at += MIB) disk.read(large, at);
  });
  page.fill(7);
  const writes = rate(ROUNDS, () => {
    for (const at of order) disk.write(page, at);
  });
  const readsOfLeaf = rate(ROUNDS, () => {
    for (const at of order) disk.read(page, at);
  });
  disk.close();
  return {
    depth: String(depth),
    'reads k/s': reads.toFixed(0),
    'reads, own blocks k/s': readsOfLeaf.toFixed(0),
    'writes k/s': writes.toFixed(0),
    'sequential GB/s': ((sequential * MIB) / 1e6).toFixed(2),
    'memory KiB per GiB used': ((index / 1024) * (1024 / (USED_BYTES / MIB))).toFixed(0),
  };
}

function memory(): number {
  globalThis.gc?.();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** The floor: the same reads from a plain file. */
function plainReads(): number {
  const file = path.join(folder, 'plain');
  fs.writeFileSync(file, Buffer.alloc(USED_BYTES, 1));
  const fd = fs.openSync(file, 'r');
  const page = Buffer.alloc(PAGE_BYTES);
  const best = rate(ROUNDS, () => {
    for (let i = 0; i < ROUNDS; i++) fs.readSync(fd, page, 0, PAGE_BYTES, randomPage() * PAGE_BYTES);
  });
  fs.closeSync(fd);
  return best;
}

try {
  console.log(`plain fs.readSync: ${plainReads().toFixed(0)} k/s`);
  console.table([measure(1), measure(32), measure(1), measure(32)]);
} finally {
  fs.rmSync(folder, { recursive: true });
}
