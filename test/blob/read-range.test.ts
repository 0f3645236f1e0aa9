/** Single frames of a blob that lies in a repository. */
import fs from 'node:fs';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { FRAME_BYTES } from '../../src/blob/frames.ts';
import { packPart } from '../../src/blob/pack-part.ts';
import { BlobReader } from '../../src/blob/read-range.ts';
import type { LayerBlob } from '../../src/oci/layer-form.ts';
import { MemoryRepository } from '../support/memory-repository.ts';
import { codeOf, noise, scratchFolder } from './scratch.ts';

const content = Buffer.concat([noise(FRAME_BYTES, 1), Buffer.alloc(FRAME_BYTES), noise(5000, 2)]);

/** A repository with one blob, whose bytes a test may change without changing its name. */
async function storedBlob(options: { canSeek?: boolean } = {}) {
  const source = path.join(scratchFolder(), 'content');
  fs.writeFileSync(source, content);
  const extents = [{ fileOffset: 0, length: content.length }];
  const part = { kind: 'whole', extents, contentBytes: content.length } as const;
  const blob = await packPart(source, part, `${source}.blob`);
  const bytes = fs.readFileSync(`${source}.blob`);
  const repository = new MemoryRepository({ chunkBytes: 10_000, ...options });
  repository.blobs.set(blob.digest, bytes);
  return { repository, blob, bytes };
}

describe('a reader of single frames', () => {
  it.each([true, false])('gives any range of the content (a place that can seek: %s)', async (canSeek) => {
    const { repository, blob } = await storedBlob({ canSeek });
    const reader = await BlobReader.open(repository, blob);
    for (const [index, start] of [0, FRAME_BYTES, 2 * FRAME_BYTES].entries())
      expect((await reader.frame(index)).equals(content.subarray(start, start + FRAME_BYTES))).toBe(true);
    for (const [offset, length] of [
      [0, 0],
      [5, 10],
      [FRAME_BYTES - 3, FRAME_BYTES + 10],
      [0, content.length],
      [content.length - 1, 1],
    ])
      expect((await reader.read(offset, length)).equals(content.subarray(offset, offset + length))).toBe(
        true,
      );
  });

  it('moves the tables and the frames that are asked for, nothing else', async () => {
    const { repository, blob } = await storedBlob();
    let moved = 0;
    repository.onPiece = (piece) => {
      moved += piece.length;
      return piece;
    };
    const reader = await BlobReader.open(repository, blob);
    expect(moved).toBe(blob.tablesBytes);
    await reader.read(2 * FRAME_BYTES + 10, 20);
    expect(moved).toBeLessThan(blob.tablesBytes + 6000);
    expect(repository.count('readBlob')).toBe(2);
  });

  it('refuses frames and tables that are not those of the blob', async () => {
    const { repository, blob, bytes } = await storedBlob();
    const reader = await BlobReader.open(repository, blob);
    bytes[1000] ^= 1;
    expect(await codeOf(() => reader.frame(0))).toBe('BLOB_FRAME_DIGEST');
    expect(await codeOf(() => reader.read(0, 10))).toBe('BLOB_FRAME_DIGEST');
    await reader.frame(1);
    bytes[bytes.length - 30] ^= 1;
    expect(await codeOf(() => BlobReader.open(repository, blob))).toBe('BLOB_TABLES_DAMAGED');
  });

  it('refuses a blob that ends too soon', async () => {
    const { repository, blob, bytes } = await storedBlob();
    const reader = await BlobReader.open(repository, blob);
    repository.blobs.set(blob.digest, bytes.subarray(0, 1000));
    expect(await codeOf(() => reader.frame(0))).toBe('BLOB_CUT_SHORT');
    expect(await codeOf(() => BlobReader.open(repository, blob))).toBe('BLOB_CUT_SHORT');
  });

  it('refuses what cannot be a blob before it asks for anything', async () => {
    const { repository, blob } = await storedBlob();
    const lies: Partial<LayerBlob>[] = [
      { tablesBytes: 2 ** 31 },
      { sizeBytes: 12 },
      { contentBytes: 2 ** 40, tablesBytes: 25 + 40 * 2 ** 20, sizeBytes: 2 ** 39 },
    ];
    for (const lie of lies)
      expect(await codeOf(() => BlobReader.open(repository, { ...blob, ...lie }))).toBe('BLOB_FORM_INVALID');
    expect(repository.requests).toEqual([]);
  });
});
