import { describe, expect, test } from 'vitest';
import { digestOf } from '../../src/oci/digest.ts';
import { readSmallBlob, verifiedBlob } from '../../src/oci/verified-blob.ts';
import { MemoryRepository } from '../support/memory-repository.ts';

const BYTES = Buffer.from('0123456789'.repeat(20_000));
const BLOB = { mediaType: 'a/b', digest: digestOf(BYTES), size: BYTES.length };

// eslint-disable-next-line @typescript-eslint/require-await
async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 999) yield bytes.subarray(at, at + 999);
}

async function read(bytes: Uint8Array, descriptor = BLOB): Promise<Buffer> {
  const got: Uint8Array[] = [];
  for await (const piece of verifiedBlob(pieces(bytes), descriptor, 'it')) got.push(piece);
  return Buffer.concat(got);
}

describe('a blob on its way', () => {
  test('arrives when it is what was announced', async () => {
    expect(await read(BYTES)).toEqual(BYTES);
    const empty = { ...BLOB, digest: digestOf(''), size: 0 };
    expect(await read(Buffer.alloc(0), empty)).toHaveLength(0);
  });

  test('that ends too soon or has other bytes is refused at its end', async () => {
    await expect(read(BYTES.subarray(1))).rejects.toThrow(
      'it does not have the 200000 bytes that were announced, but 199999',
    );
    const other = Buffer.from(BYTES);
    other[5] ^= 1;
    await expect(read(other)).rejects.toThrow(
      `it is not what its digest says: expected ${BLOB.digest}, found ${digestOf(other)}`,
    );
  });

  test('that goes on for too long is cut off before a byte too many is handed on', async () => {
    let got = 0;
    const reading = async (): Promise<void> => {
      for await (const piece of verifiedBlob(pieces(BYTES), { ...BLOB, size: 1500 }, 'it'))
        got += piece.length;
    };
    await expect(reading()).rejects.toMatchObject({ code: 'OCI_SIZE_MISMATCH' });
    expect(got).toBeLessThanOrEqual(1500);
  });

  test('of a repository is read whole when it is small enough', async () => {
    const repository = new MemoryRepository({ canSeek: false });
    const blob = repository.addBlob(BYTES);
    expect(Buffer.from(await readSmallBlob(repository, blob, BYTES.length))).toEqual(BYTES);
    await expect(readSmallBlob(repository, blob, 10)).rejects.toMatchObject({ code: 'OCI_BLOB_TOO_LARGE' });
    expect(repository.count('readBlob')).toBe(1);
    repository.onPiece = (piece) => piece.fill(0);
    await expect(readSmallBlob(repository, blob, BYTES.length)).rejects.toMatchObject({
      code: 'OCI_DIGEST_MISMATCH',
    });
    const missing = { ...blob, digest: digestOf('missing') };
    await expect(readSmallBlob(repository, missing, BYTES.length)).rejects.toMatchObject({
      code: 'OCI_BLOB_MISSING',
    });
  });
});
