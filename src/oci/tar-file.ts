/** Tar files of the host opened for reading, whatever they are compressed with, and written. */
import { createReadStream, statSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { unfinishedName } from '../base/atomic-file.ts';
import { isHyperfileError, systemCode } from '../base/error.ts';
import { streamTool } from '../base/stream-tool.ts';
import { removeFile } from '../base/patience.ts';
import { BLOCK_BYTES } from '../bytes/tar-header.ts';
import { decompressFrames } from '../bytes/zstd-stream.ts';
import { fileError, writeAll } from './blob-file.ts';
import type { Refuse } from './fields.ts';

const MAGICS: readonly [compression: Compression, magic: string][] = [
  ['gzip', '1f8b'],
  ['bzip2', '425a68'],
  ['xz', 'fd377a585a00'],
  ['zstd', '28b52ffd'],
];
const LONGEST_MAGIC_BYTES = 6;
const PIECE_BYTES = 512 * 1024;

export type Compression = 'gzip' | 'bzip2' | 'xz' | 'zstd';

/**
 * Opens a tar file so that it can be read anywhere. A compressed one is unpacked to a file without a name, which is gone
 * when it is closed, or when this process is.
 *
 * @param refuse makes the error for what is wrong with the file
 * @param temporaryFolder where to unpack; default: the system's
 * @throws HyperfileError OCI_ACCESS, DISK_FULL, TOOL_MISSING
 */
export async function openTar(file: string, refuse: Refuse, temporaryFolder = tmpdir()): Promise<FileHandle> {
  try {
    if (!statSync(file).isFile()) throw refuse('it is not a plain file');
    const handle = await open(file);
    try {
      const compression = await compressionAt(handle, 0);
      if (compression === undefined) return handle;
      const plain = await unpack(file, compression, refuse, temporaryFolder);
      await handle.close();
      return plain;
    } catch (error) {
      await handle.close();
      throw error;
    }
  } catch (error) {
    throw fileError(file, error);
  }
}

/** What the bytes at a place in a file are compressed with; undefined: with nothing known. */
export async function compressionAt(file: FileHandle, fileOffset: number): Promise<Compression | undefined> {
  const { buffer, bytesRead } = await file.read(
    Buffer.alloc(LONGEST_MAGIC_BYTES),
    0,
    LONGEST_MAGIC_BYTES,
    fileOffset,
  );
  const head = buffer.toString('hex', 0, bytesRead);
  return MAGICS.find(([, magic]) => head.startsWith(magic))?.[0];
}

/** A new file in a folder that has no name any more: it goes with its handle. */
export async function openNameless(folder: string): Promise<FileHandle> {
  const file = unfinishedName(path.join(folder, 'nameless'));
  try {
    const handle = await open(file, 'wx+');
    removeFile(file);
    return handle;
  } catch (error) {
    throw fileError(folder, error);
  }
}

/** The header of a file of an archive. The same everywhere: no times, no owners (POSIX.1-2017, pax, ustar). */
export function tarHeader(name: string, sizeBytes: number): Buffer {
  const isFolder = name.endsWith('/');
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(name, 0, 100, 'utf8');
  block.write(isFolder ? '0000755\0' : '0000644\0', 100, 'latin1');
  block.write('0000000\0', 108, 'latin1');
  block.write('0000000\0', 116, 'latin1');
  writeSize(block, sizeBytes);
  block.write('00000000000\0', 136, 'latin1');
  block.write(isFolder ? '5' : '0', 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  block.fill(' ', 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return block;
}

/** Eleven octal digits, or, from 8 GiB, big-endian binary with the first bit set, as all tar programs read it. */
function writeSize(block: Buffer, sizeBytes: number): void {
  if (sizeBytes < 8 ** 11) {
    block.write(`${sizeBytes.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
    return;
  }
  block.writeUInt8(0x80, 124);
  block.writeBigUInt64BE(BigInt(sizeBytes), 128);
}

async function unpack(
  file: string,
  compression: Compression,
  refuse: Refuse,
  temporaryFolder: string,
): Promise<FileHandle> {
  const plain = await openNameless(temporaryFolder);
  let at = 0;
  try {
    for await (const piece of decompressed(file, compression)) {
      await writeAll(plain, piece, at);
      at += piece.length;
    }
    return plain;
  } catch (error) {
    await plain.close();
    throw isDamage(error)
      ? refuse(`what ${compression} made of it is damaged`)
      : fileError(temporaryFolder, error);
  }
}

async function* decompressed(file: string, compression: Compression): AsyncGenerator<Uint8Array> {
  const input = createReadStream(file, { highWaterMark: PIECE_BYTES });
  try {
    if (compression === 'gzip') yield* gunzip(input);
    else if (compression === 'zstd') yield* decompressFrames(input, notZstd);
    else yield* throughTool(input, compression);
  } finally {
    input.destroy();
  }
}

function gunzip(input: Readable): AsyncIterable<Uint8Array> {
  const stage = createGunzip({ chunkSize: PIECE_BYTES });
  // Its error arrives through the stage.
  return pipeline(input, stage, () => undefined);
}

function notZstd(_: string, detail: string): Error {
  return Object.assign(new Error(detail), { code: 'ZSTD_FRAMES' });
}

async function* throughTool(input: Readable, tool: string): AsyncGenerator<Uint8Array> {
  const running = streamTool(tool, ['-dc'], { input });
  try {
    for await (const piece of running.stdout) yield piece as Uint8Array;
    await running.finished;
  } finally {
    running.stop();
  }
}

function isDamage(error: unknown): boolean {
  return isHyperfileError(error, 'TOOL_FAILED') || /^(Z_|ZSTD_|ERR_)/.test(systemCode(error) ?? '');
}
