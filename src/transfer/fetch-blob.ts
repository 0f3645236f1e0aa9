/**
 * Blobs on their way here. Every byte that arrives is kept in the store's `incoming` folder while it is used, so that a
 * broken connection or a killed process costs only what had not arrived: what is there is read and hashed again, and
 * only the rest is asked for.
 */
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import { inBatches } from '../bytes/batches.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { Repository } from '../oci/repository.ts';
import { verifiedBlob } from '../oci/verified-blob.ts';
import type { IncomingFile } from '../store/incoming.ts';
import type { TransferIo } from './io.ts';
import { PartFile } from './part-file.ts';
import { BlobProgress } from './progress.ts';

/** What a killed process may lose of what had arrived. */
const BATCH_BYTES = 256 * 1024;

export interface BlobToFetch {
  readonly from: Repository;
  readonly descriptor: Descriptor;
  /** What people call it. */
  readonly label: string;
}

/** One blob's download: read {@link bytes} to the end, then `remove` it once what was made of it is safe. */
export class BlobDownload {
  readonly #blob: BlobToFetch;
  readonly #io: TransferIo;
  readonly #file: IncomingFile;
  #resumedBytes = 0;
  #fetchedBytes = 0;

  /** @throws HyperfileError DISK_FULL, STORE_ACCESS */
  constructor(blob: BlobToFetch, io: TransferIo) {
    this.#blob = blob;
    this.#io = io;
    this.#file = io.store.claimIncoming(blob.descriptor.digest);
  }

  /** Where the blob lies: whole once {@link bytes} has ended. */
  get path(): string {
    return this.#file.path;
  }

  /** What was there from an earlier attempt. */
  get resumedBytes(): number {
    return this.#resumedBytes;
  }

  /** Done with: nothing stays. */
  remove(): void {
    this.#file.remove();
  }

  /** Given up: what arrived stays for whoever tries again. */
  release(): void {
    this.#file.release();
  }

  /**
   * The blob from its first byte; its pieces are the taker's to keep. Only to be believed when it has ended without an error; what turned out to be wrong is
   * removed.
   *
   * @throws HyperfileError OCI_SIZE_MISMATCH, OCI_DIGEST_MISMATCH, OCI_BLOB_MISSING, DISK_FULL, INTERRUPTED and those of
   *   the repository
   */
  async *bytes(): AsyncGenerator<Uint8Array> {
    const { from, descriptor, label } = this.#blob;
    const progress = new BlobProgress(this.#io, descriptor, label);
    try {
      yield* verifiedBlob(this.#pieces(progress), descriptor, `${label} of ${from.name}`);
      progress.end(this.#fetchedBytes === 0 ? 'exists' : 'done', this.#fetchedBytes);
    } catch (error) {
      if (isCorrupt(error)) this.remove();
      throw error;
    } finally {
      progress.end('failed', this.#fetchedBytes);
    }
  }

  async *#pieces(progress: BlobProgress): AsyncGenerator<Uint8Array> {
    const { size } = this.#blob.descriptor;
    const file = PartFile.open(this.path, size);
    try {
      this.#resumedBytes = file.sizeBytes;
      for (const piece of file.read()) {
        refuseAborted(this.#io.signal);
        yield piece;
      }
      progress.reached(this.#resumedBytes);
      if (this.#resumedBytes < size) yield* this.#rest(file, progress);
    } finally {
      file.close();
    }
  }

  /** What is not here yet, kept as it passes; also what arrived before something went wrong. */
  async *#rest(file: PartFile, progress: BlobProgress): AsyncGenerator<Uint8Array> {
    const { from, descriptor } = this.#blob;
    const { signal } = this.#io;
    const offset = this.#resumedBytes;
    const body = await from.readBlob(descriptor, { offset, signal });
    let left = descriptor.size - offset;
    for await (const piece of inBatches(skipTo(body.stream, offset - body.offset), BATCH_BYTES)) {
      // A byte too many is handed on, to be refused, but takes no room here.
      if (left > 0) file.add(piece.subarray(0, left));
      refuseAborted(signal);
      left -= piece.length;
      this.#fetchedBytes += piece.length;
      progress.reached(offset + this.#fetchedBytes);
      yield piece;
    }
  }
}

/**
 * A blob from its first byte, fetched where it is not here yet. Nothing of it stays once it was read to its end.
 *
 * @throws HyperfileError as {@link BlobDownload.bytes}
 */
export async function* fetchBlob(
  from: Repository,
  descriptor: Descriptor,
  io: TransferIo,
  label = `blob ${descriptor.digest}`,
): AsyncGenerator<Uint8Array> {
  const download = new BlobDownload({ from, descriptor, label }, io);
  try {
    yield* download.bytes();
    download.remove();
  } finally {
    download.release();
  }
}

/**
 * A whole blob as a file, checked. Remove the download when the file has served.
 *
 * @throws HyperfileError as {@link BlobDownload.bytes}
 */
export async function fetchBlobFile(
  from: Repository,
  descriptor: Descriptor,
  io: TransferIo,
  label = `blob ${descriptor.digest}`,
): Promise<BlobDownload> {
  for (let isRetry = false; ; isRetry = true) {
    const download = new BlobDownload({ from, descriptor, label }, io);
    try {
      const bytes = download.bytes();
      while ((await bytes.next()).done !== true);
      return download;
    } catch (error) {
      download.release();
      // What an earlier attempt left may have been wrong; it is gone now.
      if (isRetry || !isCorrupt(error) || download.resumedBytes === 0) throw error;
    }
  }
}

/** True for what is wrong with the bytes themselves, so that having them is worth nothing. */
export function isCorrupt(error: unknown): error is HyperfileError {
  // What a disk of this host does wrong says nothing about the bytes.
  return isHyperfileError(error) && error.exitStatus === 4 && !error.code.startsWith('DISK_');
}

function refuseAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new HyperfileError('INTERRUPTED');
}

/** A stream without its first bytes. */
export async function* skipTo(stream: AsyncIterable<Uint8Array>, bytes: number): AsyncGenerator<Uint8Array> {
  let left = bytes;
  for await (const piece of stream) {
    if (left < piece.length) yield left === 0 ? piece : piece.subarray(left);
    left = Math.max(0, left - piece.length);
  }
}
