import fc from 'fast-check';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { copyDisk } from '../../src/disk/copy.ts';
import type { WritableDisk } from '../../src/disk/disk.ts';
import { createRawDisk, memoryDisk, openRawDisk } from '../../src/disk/file-disk.ts';
import { MemoryFile } from '../../src/disk/memory-file.ts';
import { isZero } from '../../src/disk/zeros.ts';

const MIB = 1024 * 1024;
const refusal = (code: string) => expect.objectContaining({ code }) as Error;

function scratchFile(): string {
  const folder = fs.mkdtempSync(path.join(tmpdir(), 'hyperfile-disk-'));
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, 'disk.raw');
}

function contents(disk: WritableDisk): Buffer {
  const bytes = Buffer.alloc(disk.sizeBytes, 0xee);
  disk.read(bytes, 0);
  return bytes;
}

describe.each([
  ['a raw disk', () => createRawDisk(scratchFile(), 3 * MIB + 512)],
  ['a disk in memory', () => memoryDisk(3 * MIB + 512)],
])('%s', (_name, make) => {
  it('begins as zeros and gives back what was written', () => {
    const disk = make();
    expect([...disk.extents(0, disk.sizeBytes)]).toEqual([
      { offset: 0, length: 3 * MIB + 512, kind: 'zero' },
    ]);
    disk.write(Buffer.alloc(1000, 7), MIB - 500);
    disk.zero(MIB, 100);
    const expected = Buffer.alloc(3 * MIB + 512)
      .fill(7, MIB - 500, MIB + 500)
      .fill(0, MIB, MIB + 100);
    expect(contents(disk).equals(expected)).toBe(true);
    expect([...disk.extents(4096, 3 * MIB - 4096)].map(({ kind, length }) => [kind, length])).toEqual([
      ['data', 2 * MIB - 4096],
      ['zero', MIB],
    ]);
    disk.flush();
    disk.close();
    disk.close();
  });

  it('refuses what does not lie on it', () => {
    const disk = make();
    expect(() => disk.read(Buffer.alloc(2), disk.sizeBytes - 1)).toThrow(refusal('DISK_OUT_OF_RANGE'));
    expect(() => disk.write(Buffer.alloc(1), -1)).toThrow(refusal('DISK_OUT_OF_RANGE'));
    expect(() => disk.zero(0, Infinity)).toThrow(refusal('DISK_OUT_OF_RANGE'));
    disk.close();
  });
});

describe('a file of the host', () => {
  it('is not written over, and named when it is missing or no file', () => {
    const file = scratchFile();
    fs.writeFileSync(file, Buffer.alloc(1000));
    expect(() => createRawDisk(file, 512)).toThrow(refusal('DISK_EXISTS'));
    expect(() => openRawDisk(`${file}.none`)).toThrow(refusal('DISK_NOT_FOUND'));
    expect(() => openRawDisk(path.join(file, 'below'))).toThrow(refusal('DISK_NOT_FOUND'));
    expect(() => openRawDisk(path.dirname(file))).toThrow(refusal('DISK_NOT_A_FILE'));
    const disk = openRawDisk(file);
    expect(disk.sizeBytes).toBe(512);
    expect(() => disk.write(Buffer.alloc(1), 0)).toThrow(refusal('DISK_IO'));
    fs.truncateSync(file, 100);
    expect(() => disk.read(Buffer.alloc(512), 0)).toThrow(refusal('DISK_CUT_SHORT'));
    disk.close();
  });
});

describe('copying a disk', () => {
  it('brings everything over, skips zeros and tells how far it is', () => {
    const file = scratchFile();
    const source = memoryDisk(80 * MIB);
    source.write(Buffer.alloc(40 * MIB, 3), 5 * MIB);
    source.write(Buffer.alloc(100, 4), 70 * MIB);
    const target = createRawDisk(file, 80 * MIB);
    const progress = [...copyDisk(source, target)];
    expect(contents(target).equals(contents(source))).toBe(true);
    expect(progress.length).toBeGreaterThan(1);
    expect(progress.at(-1)).toEqual({ done: 80 * MIB, total: 80 * MIB, unit: 'bytes' });
    expect(progress.map(({ done }) => done)).toEqual(progress.map(({ done }) => done).sort((a, b) => a - b));
    expect(fs.statSync(file).blocks * 512).toBeLessThan(42 * MIB);
    target.close();
  });
});

it('a file in memory behaves like one of the host', () => {
  const change = fc.record({
    do: fc.constantFrom('write', 'write', 'truncate'),
    at: fc.nat(300_000),
    length: fc.nat(100_000),
    byte: fc.integer({ min: 1, max: 255 }),
  });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 12 }), (changes) => {
      const file = new MemoryFile();
      let model = Buffer.alloc(0);
      for (const { at, length, byte, ...change } of changes) {
        const size = change.do === 'truncate' ? at : Math.max(model.length, length > 0 ? at + length : 0);
        const next = Buffer.alloc(size);
        model.copy(next);
        if (change.do === 'truncate') file.truncate(at);
        else if (length > 0) {
          file.writeAt(Buffer.alloc(length, byte), 0, length, at);
          next.fill(byte, at, at + length);
        }
        model = next;
      }
      expect(file.sizeBytes()).toBe(model.length);
      const read = Buffer.alloc(model.length);
      file.readAt(read, 0, read.length, 0);
      expect(read.equals(model)).toBe(true);
      expect(() => file.readAt(Buffer.alloc(1), 0, 1, model.length)).toThrow(refusal('DISK_CUT_SHORT'));
    }),
  );
});

it('zeros are told from data wherever the one byte is', () => {
  const bytes = new Uint8Array(3000);
  fc.assert(
    fc.property(fc.nat(2999), fc.nat(2999), fc.nat(2999), (a, b, at) => {
      const [start, end] = [Math.min(a, b), Math.max(a, b)];
      expect(isZero(bytes, start, end)).toBe(true);
      bytes[at] = 1;
      expect(isZero(bytes, start, end)).toBe(at < start || at >= end);
      bytes[at] = 0;
    }),
  );
});
