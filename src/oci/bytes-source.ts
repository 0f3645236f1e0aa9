/** Bytes that are in memory as the content of a blob. */
import type { BlobSource } from './repository.ts';

export function bytesSource(bytes: Uint8Array): BlobSource {
  return {
    // eslint-disable-next-line @typescript-eslint/require-await
    async *read(offset) {
      yield bytes.subarray(offset);
    },
  };
}
