/** Unpacks a blob into a layer's file as its bytes arrive: a large one in a thread of its own. */
import { setImmediate } from 'node:timers/promises';
import { HyperfileError } from '../base/error.ts';
import { inBatches } from '../bytes/batches.ts';
import type { Listener } from '../base/events.ts';
import { ContentFile } from './content-file.ts';
import { THREAD_CONTENT_BYTES } from './frames.ts';
import type { UnpackJob } from './thread-messages.ts';
import { BlobUnpacker } from './unpack-blob.ts';

export interface WriteBlobOptions {
  readonly signal?: AbortSignal;
  /** Bytes of content written so far. */
  readonly onProgress?: Listener<number>;
  /** Every piece of the stream is memory of its own that nobody looks at afterwards. */
  readonly ownsPieces?: true;
}

/** Pieces are copied together into this much, which is then the thread's. */
const BATCH_BYTES = 512 * 1024;
/** What a thread may have before it that it has not worked on. */
const AHEAD_BYTES = 1024 * 1024;

/**
 * @throws HyperfileError BLOB_CUT_SHORT, BLOB_FRAME_DAMAGED, BLOB_FRAME_SIZE, BLOB_CONTENT_DIGEST, BLOB_TABLES_DAMAGED,
 *   INTERRUPTED, what the stream throws, and the system's errors of the file
 */
export function writeContent(
  job: UnpackJob,
  stream: AsyncIterable<Uint8Array>,
  options: WriteBlobOptions,
): Promise<void> {
  return job.blob.contentBytes < THREAD_CONTENT_BYTES
    ? unpackHere(job, stream, options)
    : unpackElsewhere(job, stream, options);
}

async function unpackHere(
  { blob, places }: UnpackJob,
  stream: AsyncIterable<Uint8Array>,
  { signal, onProgress }: WriteBlobOptions,
): Promise<void> {
  const file = new ContentFile(places);
  let contentBytes = 0;
  const unpacker = new BlobUnpacker(blob, (content) => {
    file.write(content);
    contentBytes += content.length;
  });
  try {
    for await (const piece of stream) {
      refuseAborted(signal);
      unpacker.push(piece);
      onProgress?.(contentBytes);
      await setImmediate();
    }
    refuseAborted(signal);
    unpacker.end();
  } finally {
    file.close();
  }
}

async function unpackElsewhere(
  unpack: UnpackJob,
  stream: AsyncIterable<Uint8Array>,
  { signal, onProgress, ownsPieces }: WriteBlobOptions,
): Promise<void> {
  const { startJob } = await import('./threads.ts');
  let aheadBytes = 0;
  let wake: (() => void) | undefined;
  const job = startJob((bytes, contentBytes) => {
    aheadBytes -= bytes;
    wake?.();
    onProgress?.(contentBytes);
  });
  let hasFailed = false;
  job.done.catch(() => {
    hasFailed = true;
    wake?.();
  });
  try {
    job.ask({ ask: 'unpack', unpack });
    for await (const piece of ownsPieces ? stream : inBatches(stream, BATCH_BYTES)) {
      refuseAborted(signal);
      aheadBytes += piece.length;
      job.ask({ ask: 'piece', piece: piece as Uint8Array<ArrayBuffer> }, [piece.buffer as ArrayBuffer]);
      while (aheadBytes > AHEAD_BYTES && !hasFailed) await new Promise<void>((resolve) => (wake = resolve));
      if (hasFailed) break;
    }
    refuseAborted(signal);
    job.ask({ ask: 'end' });
    await job.done;
  } finally {
    job.stop();
  }
}

function refuseAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new HyperfileError('INTERRUPTED');
}
