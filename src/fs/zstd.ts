/** Archives in zstd of any number of frames, with the errors of archives. */
import type { Readable } from 'node:stream';
import { HyperfileError } from '../base/error.ts';
import { decompressFrames } from '../bytes/zstd-stream.ts';

/** @throws HyperfileError FS_ARCHIVE_CUT_SHORT, FS_ARCHIVE_CORRUPT; damage inside a frame throws Node's own errors */
export function decompressZstd(input: Readable, archive: string): AsyncGenerator<Buffer> {
  return decompressFrames(input, (kind, detail) => {
    const code = kind === 'cut-short' ? 'FS_ARCHIVE_CUT_SHORT' : 'FS_ARCHIVE_CORRUPT';
    return new HyperfileError(code, { data: { archive, detail } });
  });
}
