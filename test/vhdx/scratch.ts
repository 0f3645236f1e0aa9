/** A folder of its own for every test, and the small helpers that the tests of this folder share. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import type { ReadableDisk } from '../../src/disk/disk.ts';

export const MIB = 1024 * 1024;
export const GIB = 1024 * MIB;

/** A fresh folder, removed when the test ends. */
export function scratchFolder(): string {
  const folder = fs.mkdtempSync(path.join(tmpdir(), 'hyperfile-vhdx-'));
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Everything a disk holds. */
export function contents(disk: ReadableDisk): Buffer {
  const bytes = Buffer.alloc(disk.sizeBytes, 0xee);
  for (let at = 0; at < bytes.length; at += 8 * MIB) disk.read(bytes.subarray(at, at + 8 * MIB), at);
  return bytes;
}

/** Bytes that are easy to tell apart and never zero. */
export function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = 1 + ((seed * 31 + i * 7 + (i >>> 9)) % 255);
  return bytes;
}

/** Bytes that a file occupies on its host. */
export function allocatedBytes(file: string): number {
  return fs.statSync(file).blocks * 512;
}
