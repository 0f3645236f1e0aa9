/**
 * Random 4 KiB writes to a fresh difference over a full base: through the engine alone, and through the disk server with a
 * loop device on it, where fio writes with 32 requests under way. They take turns, so that both see the same machine.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import path from 'node:path';
import { openSandbox } from '../src/vhdx/sandbox.ts';
import { measure } from './disk-server-fio.ts';
import { DISK_BYTES, hyperfileSubject } from './disk-server-subjects.ts';
import { isInstalled } from './peers.ts';
import { median, row } from './timing.ts';

const PAGE_BYTES = 4096;
const COUNT = 100_000;
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 5);
/** The engine alone does at least three times as much in the same time. */
const BOUND = 0.333;

/** The row of the result, or why there is none. */
export async function compareWrites(parentFolder: string): Promise<string> {
  if (process.getuid?.() !== 0) return 'writes through the disk server: skipped, not root';
  if (!existsSync('/dev/fuse')) return 'writes through the disk server: skipped, no /dev/fuse';
  if (!(await isInstalled('fio'))) return 'writes through the disk server: skipped, fio is not installed';
  const folder = mkdtempSync(path.join(parentFolder, 'writes-'));
  try {
    const subject = hyperfileSubject(folder, 1);
    const chain = [path.join(folder, 'depth1-layer0.vhdx')];
    const [engine, server]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      engine.push(engineSeconds(chain, path.join(folder, 'engine.vhdx')) / COUNT);
      const opened = await subject.open();
      server.push(1 / (await measure(opened.device, 'random write 4 KiB', DISK_BYTES)));
      await opened.close();
    }
    const [alone, served] = [engine, server].map((seconds) => median(seconds) * 1e6);
    return row('random 4 KiB write, engine alone', alone, 'disk server', served, BOUND, 'µs');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function engineSeconds(chain: readonly string[], sandboxPath: string): number {
  const disk = openSandbox({ chain, sandboxPath });
  const page = Buffer.alloc(PAGE_BYTES, 7);
  const pages = DISK_BYTES / PAGE_BYTES;
  const offsets = Float64Array.from({ length: COUNT }, () => Math.floor(Math.random() * pages) * PAGE_BYTES);
  const startedMs = performance.now();
  for (const offset of offsets) disk.write(page, offset);
  const seconds = (performance.now() - startedMs) / 1000;
  disk.close();
  rmSync(sandboxPath);
  return seconds;
}
