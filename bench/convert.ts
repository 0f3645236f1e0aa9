/**
 * `hyperfile disk convert` against `qemu-img convert`, whole commands, in the same run: a disk of 4 GiB of which half is
 * data that nothing can compress, in stretches of one to eight MiB. Both leave it to the system when bytes go to the
 * storage. Times of both are ratios of the same content, which is compared in the end.
 *
 *     node bench/convert.ts [CASE]...     cases: write read chain; default all
 *
 * After `npm run build`, with qemu-utils. BENCH_RUNS changes the number of runs, BENCH_FOLDER says where the disks lie
 * (9 GiB).
 */
import { randomBytes, randomFillSync } from 'node:crypto';
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { createDisk } from '../src/vhdx/sandbox.ts';
import { medians, row, TABLE_HEAD, type Timed } from './timing.ts';

const MIB = 1024 * 1024;
const DISK_BYTES = 4096 * MIB;
const LAYERS = 10;
const RUNS = Number(process.env.BENCH_RUNS ?? 7);
const COMMAND = path.resolve(import.meta.dirname, '../dist/hyperfile.cjs');

const folder = mkdtempSync(path.join(process.env.BENCH_FOLDER ?? tmpdir(), 'hyperfile-bench-'));
const at = (name: string): string => path.join(folder, name);

interface Stretch {
  readonly offset: number;
  readonly length: number;
}

/** Data and holes take turns; a hole is as long as the data before it. */
function stretches(): Stretch[] {
  const found: Stretch[] = [];
  for (let offset = 0, i = 0; offset < DISK_BYTES; i++) {
    const length = Math.min((1 + ((i * 5) % 8)) * MIB, DISK_BYTES - offset);
    found.push({ offset, length });
    offset += 2 * length;
  }
  return found;
}

/** Tells the data of each stretch, in order. */
function forEachStretch(each: (stretch: Stretch, bytes: Buffer, index: number) => void): void {
  const buffer = randomBytes(8 * MIB);
  for (const [index, stretch] of stretches().entries()) {
    const bytes = buffer.subarray(0, stretch.length);
    each(stretch, randomFillSync(bytes), index);
  }
}

function writeRaw(file: string): void {
  const fd = openSync(file, 'w');
  ftruncateSync(fd, DISK_BYTES);
  forEachStretch(({ offset }, bytes) => writeSync(fd, bytes, 0, bytes.length, offset));
  closeSync(fd);
}

/**
 * A chain of ours and one of qcow2 of equal content: each layer has one stretch in ten, and changes the beginning of the
 * stretch before.
 */
async function writeChains(): Promise<void> {
  const disk = createDisk(at('layer0.vhdx'), { sizeBytes: DISK_BYTES });
  await qemu('create', '-f', 'qcow2', at('layer0.qcow2'), String(DISK_BYTES));
  for (let layer = 0; layer < LAYERS; layer++) {
    const commands: string[] = [];
    forEachStretch(({ offset }, bytes, index) => {
      const isOwn = index % LAYERS === layer;
      if (!isOwn && (index + 1) % LAYERS !== layer) return;
      const part = isOwn ? bytes : bytes.subarray(0, MIB);
      const file = at(`stretch${index}`);
      writeFileSync(file, part);
      commands.push('-c', `write -q -s ${file} ${offset} ${part.length}`);
      disk.write(part, offset);
    });
    await execa('qemu-io', ['-f', 'qcow2', ...commands, at(`layer${layer}.qcow2`)]);
    for (const index of stretches().keys()) rmSync(at(`stretch${index}`), { force: true });
    if (layer + 1 === LAYERS) break;
    disk.seal(at(`layer${layer + 1}.vhdx`));
    const backing = ['-b', `layer${layer}.qcow2`, '-F', 'qcow2'];
    await qemu('create', '-f', 'qcow2', ...backing, at(`layer${layer + 1}.qcow2`));
  }
  disk.seal();
  disk.close();
}

async function qemu(...args: string[]): Promise<void> {
  await execa('qemu-img', args);
}

/**
 * The host of a virtual machine takes memory back that lies free, and giving it again costs more than the whole
 * conversion: a file that is written and removed right before lets both find as much memory at hand.
 */
function readyMemory(): void {
  const piece = Buffer.alloc(2 * MIB, 1);
  const fd = openSync(at('memory'), 'w');
  for (let done = 0; done < (DISK_BYTES * 9) / 16; done += piece.length) writeSync(fd, piece);
  closeSync(fd);
  rmSync(at('memory'));
}

/** Times both, each into a new file, while nothing of the run before waits for the storage. */
async function race(what: string, ours: readonly string[], theirs: readonly string[]): Promise<void> {
  const outputs = [ours, theirs].map((args) => args.at(-1)!);
  const before = async (): Promise<void> => {
    for (const output of outputs) rmSync(output, { force: true });
    await execa('sync', ['-f', folder]);
    readyMemory();
  };
  const convert = (): Promise<unknown> =>
    execa(process.execPath, [COMMAND, 'disk', 'convert', ...ours, '-q']);
  const timed: Timed[] = [
    { name: 'ours', before, run: async () => void (await convert()) },
    { name: 'qemu-img', before, run: () => qemu('convert', ...theirs) },
  ];
  const seconds = await medians(timed, RUNS);
  console.log(row(what, seconds.get('ours')!, 'qemu-img', seconds.get('qemu-img')!, 1));
  await convert();
  await qemu('compare', '-F', outputs[1].endsWith('.vhdx') ? 'vhdx' : 'raw', ...compared(outputs));
  for (const output of outputs) rmSync(output);
}

function compared([ours, theirs]: readonly string[]): string[] {
  return ['-f', ours.endsWith('.vhdx') ? 'vhdx' : 'raw', ours, theirs];
}

const CASES: Readonly<Record<string, () => Promise<void>>> = {
  write: async () => {
    writeRaw(at('disk.raw'));
    const theirs = ['-f', 'raw', '-O', 'vhdx', at('disk.raw'), at('theirs.vhdx')];
    await race('raw to dynamic VHDX', [at('disk.raw'), at('ours.vhdx')], theirs);
    rmSync(at('disk.raw'));
  },
  read: async () => {
    writeRaw(at('disk.raw'));
    await execa(process.execPath, [COMMAND, 'disk', 'convert', at('disk.raw'), at('disk.vhdx'), '-q']);
    const theirs = ['-f', 'vhdx', '-O', 'raw', at('disk.vhdx'), at('theirs.raw')];
    await race('dynamic VHDX to raw', [at('disk.vhdx'), at('ours.raw')], theirs);
    for (const name of ['disk.raw', 'disk.vhdx']) rmSync(at(name));
  },
  chain: async () => {
    await writeChains();
    const top = LAYERS - 1;
    const theirs = ['-f', 'qcow2', '-O', 'raw', at(`layer${top}.qcow2`), at('theirs.raw')];
    await race(`chain of ${LAYERS} to raw`, [at(`layer${top}.vhdx`), at('ours.raw')], theirs);
  },
};

try {
  console.log(TABLE_HEAD);
  const wanted = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(CASES);
  for (const name of wanted) await CASES[name]();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
