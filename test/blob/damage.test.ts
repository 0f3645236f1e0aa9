/** Blobs that are not what was announced: each is refused, none hangs or fills memory. */
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compressFrame, decompressFrame, FRAME_BYTES, MAX_COMPRESSED_BYTES } from '../../src/blob/frames.ts';
import { packPart } from '../../src/blob/pack-part.ts';
import { FrameSplitter } from '../../src/blob/split-frames.ts';
import { encodeTables, readTables, tablesLength } from '../../src/blob/tables.ts';
import { BlobUnpacker } from '../../src/blob/unpack-blob.ts';
import { writeContent } from '../../src/blob/write-content.ts';
import { digestOf } from '../../src/oci/digest.ts';
import type { LayerBlob } from '../../src/oci/layer-form.ts';
import { testWith } from '../support/needs.ts';
import { codeOf, inPieces, MIB, noise, scratchFolder } from './scratch.ts';

const PLACE = { blob: `sha256:${'0'.repeat(64)}`, frame: 0 };

/** A blob of any content, as packing makes it. */
async function packBytes(content: Buffer): Promise<{ blob: LayerBlob; bytes: Buffer }> {
  const folder = scratchFolder();
  const [source, target] = [path.join(folder, 'content'), path.join(folder, 'blob')];
  fs.writeFileSync(source, content);
  const extents = [{ fileOffset: 0, length: content.length }];
  const blob = await packPart(source, { kind: 'whole', extents, contentBytes: content.length }, target);
  return { blob, bytes: fs.readFileSync(target) };
}

/** A blob of given frames, with tables and digests that are all true. */
function forge(frames: readonly Buffer[], content: Buffer, sizes: readonly number[]) {
  const tables = encodeTables(
    frames.map((frame, index) => ({
      compressedBytes: frame.length,
      contentBytes: sizes[index],
      digest: Buffer.from(digestOf(frame).slice(7), 'hex'),
    })),
  );
  const bytes = Buffer.concat([...frames, tables]);
  const blob: LayerBlob = {
    kind: 'whole',
    digest: digestOf(bytes),
    sizeBytes: bytes.length,
    contentDigest: digestOf(content),
    contentBytes: content.length,
    tablesDigest: digestOf(tables),
    tablesBytes: tables.length,
  };
  return { blob, bytes };
}

async function unpack(blob: LayerBlob, bytes: Uint8Array, pieceBytes?: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  await unpackBlob(blob, inPieces(bytes, pieceBytes), (content) => void pieces.push(Buffer.from(content)));
  return Buffer.concat(pieces);
}

async function unpackBlob(
  blob: LayerBlob,
  stream: AsyncIterable<Uint8Array>,
  take: (content: Buffer) => void = () => undefined,
): Promise<void> {
  const unpacker = new BlobUnpacker(blob, take);
  for await (const piece of stream) unpacker.push(piece);
  unpacker.end();
}

describe('a blob', () => {
  it('in pieces of any size gives its content back', async () => {
    const content = Buffer.concat([noise(FRAME_BYTES, 1), Buffer.alloc(FRAME_BYTES), noise(12_345, 2)]);
    const { blob, bytes } = await packBytes(content);
    for (const pieceBytes of [101, 4096, 1_000_000, bytes.length])
      expect((await unpack(blob, bytes, pieceBytes)).equals(content)).toBe(true);
    const small = await packBytes(Buffer.from('little'));
    expect((await unpack(small.blob, small.bytes, 1)).toString()).toBe('little');
  });

  it('that ends too soon is refused wherever it ends', async () => {
    const { blob, bytes } = await packBytes(Buffer.concat([Buffer.alloc(FRAME_BYTES), noise(40, 1)]));
    for (let length = 0; length < bytes.length; length++)
      expect(await codeOf(() => unpack(blob, bytes.subarray(0, length))), `${length} bytes`).toBe(
        'BLOB_CUT_SHORT',
      );
  });

  it('is refused with any bit of it flipped', async () => {
    const { blob, bytes } = await packBytes(noise(60, 1));
    for (let at = 0; at < bytes.length; at++) {
      for (let bit = 0; bit < 8; bit++) {
        const damaged = Buffer.from(bytes);
        damaged[at] ^= 1 << bit;
        expect(await codeOf(() => unpack(blob, damaged)), `byte ${at}, bit ${bit}`).toMatch(/^BLOB_/);
      }
    }
  });

  it('that is anything else is refused', async () => {
    const { blob, bytes } = await packBytes(noise(60, 1));
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), fc.nat(bytes.length), async (junk, at) => {
        expect(await codeOf(() => unpack(blob, junk))).toMatch(/^BLOB_/);
        if (junk.length === 0) return;
        const mixed = Buffer.concat([bytes.subarray(0, at), junk, bytes.subarray(at)]);
        expect(await codeOf(() => unpack(blob, mixed))).toMatch(/^BLOB_/);
      }),
    );
  });

  it('of other content than was announced is refused', async () => {
    const { blob, bytes } = await packBytes(noise(60, 1));
    const other = { ...blob, contentDigest: digestOf('other') };
    expect(await codeOf(() => unpack(other, bytes))).toBe('BLOB_CONTENT_DIGEST');
  });

  it('whose tables are of other frames, or not those announced, is refused', async () => {
    const { blob, bytes } = await packBytes(noise(60, 1));
    const lying = Buffer.from(bytes);
    lying[bytes.length - blob.tablesBytes + 8] ^= 1;
    const tables = lying.subarray(bytes.length - blob.tablesBytes);
    const forged = { ...blob, digest: digestOf(lying), tablesDigest: digestOf(tables) };
    expect(await codeOf(() => unpack(forged, lying))).toBe('BLOB_TABLES_DAMAGED');
    const other = { ...blob, tablesDigest: digestOf('other') };
    expect(await codeOf(() => unpack(other, bytes))).toBe('BLOB_TABLES_DAMAGED');
  });

  it('with one more frame or table than announced is refused without waiting for its end', async () => {
    const { blob, bytes } = await packBytes(noise(60, 1));
    const frame = bytes.subarray(0, bytes.length - blob.tablesBytes);
    const tables = bytes.subarray(frame.length);
    async function* endless(first: Buffer, rest: Buffer): AsyncGenerator<Uint8Array> {
      yield first;
      for (;;) yield await Promise.resolve(rest);
    }
    const run = (rest: Buffer) => codeOf(() => unpackBlob(blob, endless(bytes, rest)));
    expect(await run(frame)).toBe('BLOB_FRAME_SIZE');
    expect(await run(tables)).toBe('BLOB_TABLES_DAMAGED');
    expect(await codeOf(() => unpackBlob(blob, endless(frame, frame)))).toBe('BLOB_FRAME_SIZE');
    expect(await codeOf(() => unpackBlob(blob, endless(tables, tables)))).toBe('BLOB_TABLES_DAMAGED');
  });

  it.each([3 * MIB, 40 * MIB])(
    'of %i bytes is not worked on any more once its reader gives up',
    async (length) => {
      const { blob, bytes } = await packBytes(noise(length, 1));
      const path = fileOf(length);
      const places = { path, extents: [{ fileOffset: 0, length }], isFresh: true };
      const abort = new AbortController();
      let progress = 0;
      const onProgress = (contentBytes: number): void => void ((progress = contentBytes), abort.abort());
      const options = { signal: abort.signal, onProgress };
      const write = () => writeContent({ blob, places }, inPieces(bytes, 99_999), options);
      expect(await codeOf(write)).toBe('INTERRUPTED');
      expect(progress).toBeLessThan(length);
      expect(await codeOf(() => writeContent({ blob, places }, inPieces(bytes, 99_999), {}))).toBeUndefined();
      expect(fs.readFileSync(path).equals(noise(length, 1))).toBe(true);
    },
  );

  it.each([3 * MIB, 40 * MIB])(
    'of %i bytes is refused with the same words wherever it is unpacked',
    async (length) => {
      const { blob, bytes } = await packBytes(noise(length, 1));
      const places = { path: fileOf(length), extents: [{ fileOffset: 0, length }], isFresh: true };
      const write = (content: Buffer) =>
        codeOf(() => writeContent({ blob, places }, inPieces(content, 77_777), {}));
      const damaged = Buffer.from(bytes);
      damaged[MIB + 5000] ^= 1;
      expect(await write(damaged)).toBe('BLOB_FRAME_DAMAGED');
      expect(await write(bytes.subarray(0, -1))).toBe('BLOB_CUT_SHORT');
      const gone = { ...places, path: `${places.path}-gone` };
      await expect(writeContent({ blob, places: gone }, inPieces(bytes), {})).rejects.toMatchObject({
        code: 'ENOENT',
      });
      const failing = async function* (): AsyncGenerator<Uint8Array> {
        yield await Promise.resolve(bytes.subarray(0, MIB));
        throw new Error('the line is dead');
      };
      await expect(writeContent({ blob, places }, failing(), {})).rejects.toThrow('the line is dead');
    },
  );
});

/** A new file of zeros. */
function fileOf(length: number): string {
  const file = path.join(scratchFolder(), 'layer');
  fs.writeFileSync(file, '');
  fs.truncateSync(file, length);
  return file;
}

describe('a frame', () => {
  it('that holds more or less than announced is refused before it fills memory', async () => {
    const bomb = zstdCompressSync(Buffer.alloc(200 * MIB));
    expect(bomb.length).toBeLessThan(MAX_COMPRESSED_BYTES);
    const before = process.memoryUsage.rss();
    for (const contentBytes of [1, 1000, FRAME_BYTES])
      expect(await codeOf(() => decompressFrame(bomb, contentBytes, PLACE))).toBe('BLOB_FRAME_SIZE');
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * MIB);
    const { blob, bytes } = forge([bomb], Buffer.alloc(FRAME_BYTES), [FRAME_BYTES]);
    expect(await codeOf(() => unpack(blob, bytes))).toBe('BLOB_FRAME_SIZE');
    const little = zstdCompressSync('little');
    expect(await codeOf(() => decompressFrame(little, 7, PLACE))).toBe('BLOB_FRAME_SIZE');
    expect(await codeOf(() => decompressFrame(little, 5, PLACE))).toBe('BLOB_FRAME_SIZE');
    expect(decompressFrame(little, 6, PLACE).toString()).toBe('little');
  });

  it('that asks for a window of 128 MiB is refused', async () => {
    const raw = Buffer.from('data');
    // Magic, no flags, a window of 2^27 bytes, one last raw block.
    const header = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, (27 - 10) << 3, (raw.length << 3) | 1, 0, 0]);
    const wide = Buffer.concat([header, raw]);
    expect(await codeOf(() => decompressFrame(wide, raw.length, PLACE))).toBe('BLOB_FRAME_DAMAGED');
    header[5] = (23 - 10) << 3;
    const narrow = Buffer.concat([header, raw]);
    expect(decompressFrame(narrow, raw.length, PLACE).toString()).toBe('data');
  });

  it('with anything before, after or instead of it is refused', async () => {
    const frame = zstdCompressSync('data');
    const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);
    const wrong = [
      Buffer.concat([frame, frame]),
      Buffer.concat([frame, Buffer.from('x')]),
      Buffer.concat([skippable, frame]),
      skippable,
      frame.subarray(0, -1),
      Buffer.from('no zstd at all'),
      Buffer.alloc(0),
    ];
    for (const bytes of wrong)
      expect(await codeOf(() => decompressFrame(bytes, 4, PLACE))).toBe('BLOB_FRAME_DAMAGED');
  });

  it('of any content, at any level, comes back', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ minLength: 1, maxLength: 3000 }),
          fc.nat(9).map((seed) => noise(FRAME_BYTES, seed)),
        ),
        fc.constantFrom(1, 3, 9),
        (content, level) => {
          const frame = compressFrame(content, level);
          expect(frame.length).toBeLessThanOrEqual(MAX_COMPRESSED_BYTES);
          expect(decompressFrame(frame, content.length, PLACE).equals(content)).toBe(true);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('is longer than any frame should be: the stream is refused before it is held', async () => {
    async function* endless(): AsyncGenerator<Uint8Array> {
      // A frame without checksum whose raw blocks never end.
      yield Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58]);
      const block = Buffer.concat([Buffer.from([0, 0, 0x10]), noise((0x100000 >> 3) << 1, 1)]);
      for (;;) yield await Promise.resolve(block);
    }
    const splitter = new FrameSplitter(PLACE.blob, { contentBytes: 1e6, skippableBytes: 99 });
    const read = async (): Promise<void> => {
      for await (const piece of endless()) for (const _ of splitter.push(piece));
    };
    expect(await codeOf(read)).toBe('BLOB_FRAME_SIZE');
  });

  testWith(['zstd'], 'of the zstd program is as good', async () => {
    const content = Buffer.concat([noise(MIB / 2, 1), Buffer.alloc(MIB / 2, 'text ')]);
    for (const flags of [['-19'], ['--check'], ['--no-check', '--no-content-size'], ['--fast=3']]) {
      const frame = execFileSync('zstd', [...flags, '-c'], { input: content });
      expect(decompressFrame(frame, MIB, PLACE).equals(content)).toBe(true);
      const { blob, bytes } = forge([frame], content, [MIB]);
      expect((await unpack(blob, bytes)).equals(content)).toBe(true);
    }
  });
});

describe('the tables', () => {
  it('end as the seekable format says', async () => {
    const content = Buffer.concat([noise(2 * FRAME_BYTES, 1), noise(99, 2)]);
    const { blob, bytes } = await packBytes(content);
    expect(bytes.readUInt32LE(bytes.length - 4)).toBe(0x8f92eab1);
    expect(bytes.readUInt8(bytes.length - 5)).toBe(0);
    const count = bytes.readUInt32LE(bytes.length - 9);
    expect(count).toBe(3);
    const tableAt = bytes.length - 9 - count * 8 - 8;
    expect(bytes.readUInt32LE(tableAt)).toBe(0x184d2a5e);
    expect(bytes.readUInt32LE(tableAt + 4)).toBe(count * 8 + 9);
    const digestsAt = tableAt - count * 32 - 8;
    expect(bytes.readUInt32LE(digestsAt)).toBe(0x184d2a50);
    expect(digestsAt).toBe(bytes.length - blob.tablesBytes);
    // A seekable reader adds the sizes up from the start of the file.
    let [at, contentAt] = [0, 0];
    for (let index = 0; index < count; index++) {
      const entry = tableAt + 8 + index * 8;
      const frame = bytes.subarray(at, at + bytes.readUInt32LE(entry));
      const frameBytes = bytes.readUInt32LE(entry + 4);
      const expected = content.subarray(contentAt, contentAt + frameBytes);
      expect(decompressFrame(Buffer.from(frame), frameBytes, PLACE).equals(expected)).toBe(true);
      expect(digestOf(frame).slice(7)).toBe(
        bytes
          .subarray(digestsAt + 8 + index * 32)
          .subarray(0, 32)
          .toString('hex'),
      );
      at += frame.length;
      contentAt += frameBytes;
    }
    expect(at).toBe(digestsAt);
    expect(frameDescriptor(bytes) & 4, 'content checksum').toBe(4);
  });

  it('are read back as they were written', async () => {
    const { blob, bytes } = await packBytes(noise(FRAME_BYTES + 5, 1));
    const frames = readTables(bytes.subarray(-blob.tablesBytes), blob);
    expect(frames.map(({ contentBytes }) => contentBytes)).toEqual([FRAME_BYTES, 5]);
    expect(frames[1].blobOffset).toBe(frames[0].compressedBytes);
  });

  it('are refused when they lie, even with the digest that was announced', async () => {
    const { blob, bytes } = await packBytes(noise(FRAME_BYTES + 5, 1));
    const tail = bytes.subarray(-blob.tablesBytes);
    const entriesAt = 8 + 2 * 32 + 8;
    const lie = (change: (tables: Buffer) => void) => () => {
      const tables = Buffer.from(tail);
      change(tables);
      return readTables(tables, { ...blob, tablesDigest: digestOf(tables) });
    };
    const lies = [
      lie((tables) => tables.writeUInt32LE(FRAME_BYTES + 1, entriesAt + 4)),
      lie((tables) => tables.writeUInt32LE(0, entriesAt)),
      lie((tables) => tables.writeUInt32LE(0xffffffff, entriesAt)),
      lie((tables) => tables.writeUInt32LE(tables.readUInt32LE(entriesAt) + 1, entriesAt)),
      lie((tables) => tables.writeUInt32LE(3, tables.length - 9)),
      lie((tables) => tables.writeUInt8(0x80, tables.length - 5)),
      lie((tables) => tables.writeUInt32LE(0x184d2a51, 0)),
      lie((tables) => tables.writeUInt32LE(1e9, 4)),
    ];
    for (const body of lies) expect(await codeOf(body)).toBe('BLOB_TABLES_DAMAGED');
    expect(await codeOf(() => readTables(tail.subarray(1), blob))).toBe('BLOB_TABLES_DAMAGED');
    expect(await codeOf(() => readTables(tail, { ...blob, tablesDigest: blob.digest }))).toBe(
      'BLOB_TABLES_DAMAGED',
    );
    expect(tablesLength(2)).toBe(tail.length);
  });
});

function frameDescriptor(blob: Buffer): number {
  return blob.readUInt8(4);
}

describe('packing', () => {
  const partOf = (length: number) =>
    ({ kind: 'whole', extents: [{ fileOffset: 0, length }], contentBytes: length }) as const;

  it('a file that became shorter fails, and leaves nothing', async () => {
    const folder = scratchFolder();
    const [source, target] = [path.join(folder, 'content'), path.join(folder, 'blob')];
    fs.writeFileSync(source, noise(3 * MIB, 1));
    expect(await codeOf(() => packPart(source, partOf(3 * MIB + 1), target))).toBe('DISK_CUT_SHORT');
    expect(fs.readdirSync(folder)).toEqual(['content']);
  });

  it('stops when it is told to, and leaves nothing', async () => {
    const folder = scratchFolder();
    const [source, target] = [path.join(folder, 'content'), path.join(folder, 'blob')];
    fs.writeFileSync(source, noise(8 * MIB, 1));
    const abort = new AbortController();
    const options = { signal: abort.signal, onProgress: () => abort.abort() };
    expect(await codeOf(() => packPart(source, partOf(8 * MIB), target, options))).toBe('INTERRUPTED');
    expect(await codeOf(() => packPart(source, partOf(8 * MIB), target, options))).toBe('INTERRUPTED');
    expect(fs.readdirSync(folder)).toEqual(['content']);
  });

  it('tells how far it is', async () => {
    const folder = scratchFolder();
    const source = path.join(folder, 'content');
    fs.writeFileSync(source, noise(2 * MIB + 1, 1));
    const told: number[] = [];
    await packPart(source, partOf(2 * MIB + 1), `${source}.blob`, {
      onProgress: (bytes) => told.push(bytes),
    });
    expect(told).toEqual([MIB, 2 * MIB, 2 * MIB + 1]);
  });

  it('many parts at once never waits for itself', async () => {
    const folder = scratchFolder();
    const source = path.join(folder, 'content');
    fs.writeFileSync(source, Buffer.alloc(4 * MIB, 'text '));
    const blobs = await Promise.all(
      Array.from({ length: 24 }, (_, index) => packPart(source, partOf(4 * MIB), `${source}${index}`)),
    );
    expect(new Set(blobs.map(({ digest }) => digest)).size).toBe(1);
  });
});
