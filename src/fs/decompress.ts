/** Decompresses streams: gzip and zstd with Node's own means, bzip2 and xz with programs of the host. */
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { HyperfileError, isHyperfileError, systemCode } from '../base/error.ts';
import { streamTool } from '../base/stream-tool.ts';
import { decompressZstd } from './zstd.ts';

export type Compression = 'gzip' | 'bzip2' | 'xz' | 'zstd';

/** Large pieces: a promise for each costs more than what is done with a small one. */
export const PIECE_BYTES = 512 * 1024;

const WAYS: Readonly<Record<Compression, (input: Readable, archive: string) => AsyncIterable<Buffer>>> = {
  gzip: gunzip,
  zstd: decompressZstd,
  bzip2: (input) => throughTool(input, 'bzip2'),
  xz: (input) => throughTool(input, 'xz'),
};

/**
 * Decompresses a stream. Errors arrive on the stream that is returned: FS_ARCHIVE_CUT_SHORT, FS_ARCHIVE_CORRUPT,
 * TOOL_MISSING. `archive` is what they call it.
 */
export function decompress(input: Readable, compression: Compression, archive: string): Readable {
  async function* pieces(): AsyncGenerator<Buffer> {
    try {
      yield* WAYS[compression](input, archive);
    } catch (error) {
      throw asArchiveError(error, archive);
    } finally {
      input.destroy();
    }
  }
  return Readable.from(pieces(), { objectMode: false, highWaterMark: PIECE_BYTES });
}

async function* gunzip(input: Readable): AsyncGenerator<Buffer> {
  const stage = createGunzip({ chunkSize: PIECE_BYTES });
  // Its error arrives through the stage.
  pipeline(input, stage, () => undefined);
  for await (const piece of stage) yield piece as Buffer;
}

async function* throughTool(input: Readable, tool: string): AsyncGenerator<Buffer> {
  const running = streamTool(tool, ['-dc'], { input });
  try {
    for await (const piece of running.stdout) yield piece as Buffer;
    await running.finished;
  } finally {
    running.stop();
  }
}

function asArchiveError(error: unknown, archive: string): unknown {
  const code = systemCode(error) ?? '';
  const isTool = isHyperfileError(error, 'TOOL_FAILED');
  if (!isTool && !/^(Z_|ZSTD_|ERR_ZSTD)/.test(code)) return error;
  const message = isTool ? String(error.data['output'] ?? '') : (error as Error).message;
  const isCutShort = code === 'Z_BUF_ERROR' || /unexpected end|ends unexpectedly/i.test(message);
  return new HyperfileError(isCutShort ? 'FS_ARCHIVE_CUT_SHORT' : 'FS_ARCHIVE_CORRUPT', {
    data: { archive, detail: message.split('\n', 1)[0] },
    cause: error,
  });
}
