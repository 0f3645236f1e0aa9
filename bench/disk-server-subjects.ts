/** What is measured: the disk server on VHDX chains and on a plain file, and qemu-storage-daemon on qcow2. */
import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { execa } from 'execa';
import type { SealableDisk } from '../src/disk/sealable-disk.ts';
import { createDisk, openSandbox } from '../src/vhdx/sandbox.ts';
import { startDiskServer } from '../src/fuse/client/disk-server.ts';

export const DISK_BYTES = 1024 * 1024 * 1024;
const MIB = 1024 * 1024;
const PAGES_A_LAYER = 256;
const RUNS_A_LAYER = 16;
const RUN_BYTES = 256 * 1024;

export interface Opened {
  readonly device: string;
  close(): Promise<void>;
}

export interface Subject {
  readonly name: string;
  /** A fresh writable disk on the base. */
  open(): Promise<Opened>;
}

/** The disk server on a chain of `depth` layers: a full base, above it layers that each change scattered places. */
export function hyperfileSubject(folder: string, depth: number): Subject {
  const chain = makeChain(folder, depth);
  const sandboxPath = path.join(folder, `depth${depth}-sandbox.vhdx`);
  return { name: `hyperfile, depth ${depth}`, open: () => serve(folder, { chain, sandboxPath }) };
}

/** The disk server on a plain file: what the protocol alone costs. */
export function rawSubject(folder: string, rawPath: string): Subject {
  const entry = path.resolve(import.meta.dirname, '../test/fuse/support/raw-server.ts');
  const request = { chain: [rawPath], sandboxPath: rawPath };
  return { name: 'protocol alone', open: () => serve(folder, request, entry) };
}

async function serve(
  folder: string,
  request: { chain: string[]; sandboxPath: string },
  entry?: string,
): Promise<Opened> {
  const server = await startDiskServer({ folder: path.join(folder, 'run'), ...(entry && { entry }) });
  const disk = await server.attach(request);
  const close = async (): Promise<void> => {
    await server.close();
    if (!request.chain.includes(request.sandboxPath)) rmSync(request.sandboxPath);
  };
  return { device: disk.devicePath, close };
}

function makeChain(folder: string, depth: number): string[] {
  const layer = (number: number) => path.join(folder, `depth${depth}-layer${number}.vhdx`);
  const base = createDisk(layer(0), { sizeBytes: DISK_BYTES });
  const fill = Buffer.alloc(MIB, 0x5a);
  for (let at = 0; at < DISK_BYTES; at += MIB) base.write(fill, at);
  base.seal();
  base.close();
  const chain = [layer(0)];
  for (let number = 1; number < depth; number++) {
    const disk = openSandbox({ chain, sandboxPath: layer(number) });
    scatter(disk, fill);
    disk.seal();
    disk.close();
    chain.unshift(layer(number));
  }
  return chain;
}

function scatter(disk: SealableDisk, fill: Buffer): void {
  const place = (unitBytes: number) => Math.floor((Math.random() * DISK_BYTES) / unitBytes) * unitBytes;
  for (let count = 0; count < PAGES_A_LAYER; count++) disk.write(fill.subarray(0, 4096), place(4096));
  for (let count = 0; count < RUNS_A_LAYER; count++)
    disk.write(fill.subarray(0, RUN_BYTES), place(RUN_BYTES));
}

/** qemu-storage-daemon's FUSE export of a qcow2 file with a backing file, under a loop device like ours. */
export async function qemuSubject(folder: string, rawPath: string): Promise<Subject> {
  const overlay = path.join(folder, 'overlay.qcow2');
  const base = path.join(folder, 'base.qcow2');
  const shown = path.join(folder, 'shown.raw');
  await execa('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', rawPath, base]);
  return {
    name: 'qemu-storage-daemon',
    async open() {
      await execa('qemu-img', ['create', '-q', '-f', 'qcow2', '-F', 'qcow2', '-b', base, overlay]);
      writeFileSync(shown, '');
      const daemon = spawn('qemu-storage-daemon', [
        ...['--blockdev', `driver=file,node-name=file,filename=${overlay}`],
        ...['--blockdev', 'driver=qcow2,node-name=disk,file=file,discard=unmap'],
        ...['--export', `fuse,id=shown,node-name=disk,mountpoint=${shown},writable=on`],
      ]);
      while (!readFileSync('/proc/mounts', 'utf8').includes(shown)) await sleep(20);
      const losetup = await execa('losetup', ['--find', '--show', '--direct-io=on', shown]);
      const device = losetup.stdout.trim();
      const close = async (): Promise<void> => {
        await execa('losetup', ['--detach', device]);
        const ended = new Promise((resolve) => daemon.once('exit', resolve));
        daemon.kill('SIGTERM');
        await ended;
        // As ours does: otherwise the next in turn alone would have to find memory for its writes.
        rmSync(overlay);
      };
      return { device, close };
    },
  };
}
