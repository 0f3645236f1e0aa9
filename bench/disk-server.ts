/**
 * The disk server against qemu-storage-daemon, both under a loop device with direct I/O, in the same run: fio's random
 * and sequential loads on a writable difference over a full base of 1 GiB. Every measurement has a fresh difference.
 *
 *     node bench/disk-server.ts [qemu] [depth1] [depth32] [raw]     default: qemu depth1 depth32
 *
 * As root, with fio, qemu-utils and qemu-system-common. BENCH_ROUNDS and BENCH_IODEPTH change the work,
 * BENCH_FOLDER says where the disks lie (5 GiB).
 */
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { LOADS, measure, type Load } from './disk-server-fio.ts';
import {
  DISK_BYTES,
  hyperfileSubject,
  qemuSubject,
  rawSubject,
  type Subject,
} from './disk-server-subjects.ts';

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
const loads = Object.keys(LOADS) as Load[];
const wanted = process.argv.length > 2 ? process.argv.slice(2) : ['qemu', 'depth1', 'depth32'];

const folder = mkdtempSync(path.join(process.env.BENCH_FOLDER ?? tmpdir(), 'hyperfile-bench-'));
try {
  const rawPath = path.join(folder, 'base.raw');
  writeRaw(rawPath);
  const makers: Record<string, () => Subject | Promise<Subject>> = {
    qemu: () => qemuSubject(folder, rawPath),
    depth1: () => hyperfileSubject(folder, 1),
    depth32: () => hyperfileSubject(folder, 32),
    raw: () => rawSubject(folder, rawPath),
  };
  const subjects: Subject[] = [];
  for (const name of wanted) subjects.push(await makers[name]());
  report(subjects, await measureAll(subjects));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function writeRaw(rawPath: string): void {
  const fd = openSync(rawPath, 'w');
  const piece = Buffer.alloc(1024 * 1024, 0x5a);
  for (let at = 0; at < DISK_BYTES; at += piece.length) writeSync(fd, piece);
  closeSync(fd);
}

/** All rounds of each subject and load; subjects take turns, so that all see the same machine. */
async function measureAll(subjects: readonly Subject[]): Promise<Map<string, number[]>> {
  const samples = new Map<string, number[]>();
  for (let round = 0; round < ROUNDS; round++) {
    for (const load of loads) {
      for (const subject of subjects) {
        const opened = await subject.open();
        try {
          // The system slows whoever writes while much of what others wrote waits for the storage.
          await execa('sync', ['-f', folder]);
          const key = `${subject.name}/${load}`;
          samples.set(key, [...(samples.get(key) ?? []), await measure(opened.device, load, DISK_BYTES)]);
        } finally {
          await opened.close();
        }
      }
    }
  }
  return samples;
}

function best(values: readonly number[]): number {
  return Math.max(...values);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
}

function report(subjects: readonly Subject[], samples: ReadonlyMap<string, readonly number[]>): void {
  const first = subjects[0].name;
  console.log(`| load | ${subjects.map(({ name }) => name).join(' | ')} |`);
  console.log(`| --- |${' ---: |'.repeat(subjects.length)}`);
  for (const load of loads) {
    const reference = samples.get(`${first}/${load}`) ?? [];
    const cells = subjects.map(({ name }) => {
      const values = samples.get(`${name}/${load}`) ?? [];
      const ratios = [best, median].map((pick) => (pick(values) / pick(reference)).toFixed(2));
      return `${show(load, best(values))} (${ratios.join(', ')})`;
    });
    console.log(`| ${load} | ${cells.join(' | ')} |`);
  }
  console.log(
    `\nBest of ${ROUNDS} rounds. In brackets: ratio to ${first}, of the best rounds and of the median ones.`,
  );
}

function show(load: Load, value: number): string {
  return load.includes('4 KiB') ? `${(value / 1000).toFixed(1)}k/s` : `${(value / 1e9).toFixed(2)} GB/s`;
}
