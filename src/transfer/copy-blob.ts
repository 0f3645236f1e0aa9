/** A blob from one place to another, through this process only when the places cannot hand it over themselves. */
import type { Descriptor } from '../oci/descriptor.ts';
import type { Repository } from '../oci/repository.ts';
import { verifiedBlob } from '../oci/verified-blob.ts';
import { skipTo } from './fetch-blob.ts';
import type { TransferIo } from './io.ts';
import { BlobProgress } from './progress.ts';

export interface BlobToCopy {
  readonly from: Repository;
  readonly to: Repository;
  readonly descriptor: Descriptor;
  /** What people call it. */
  readonly label: string;
}

/**
 * Copies a blob that may be there already. What passes is checked before the last byte is handed on.
 *
 * @throws HyperfileError OCI_BLOB_MISSING, OCI_DIGEST_MISMATCH, OCI_SIZE_MISMATCH, INTERRUPTED and those of the places
 */
export async function copyBlob(
  { from, to, descriptor, label }: BlobToCopy,
  io: Pick<TransferIo, 'signal' | 'onEvent'>,
): Promise<void> {
  const { signal } = io;
  const progress = new BlobProgress(io, descriptor, label);
  let sentBytes = 0;
  try {
    if (await to.hasBlob(descriptor, { signal })) return progress.end('exists', 0);
    const isNear = from.host !== undefined && from.host === to.host;
    const status = await to.pushBlob(
      descriptor,
      { read: (offset) => readFrom(from, descriptor, offset, signal) },
      {
        signal,
        ...(isNear && { mountFrom: [from.name] }),
        onSent: (bytes) => progress.reached((sentBytes = bytes)),
      },
    );
    progress.end(status === 'mounted' ? 'mounted' : 'done', status === 'mounted' ? 0 : descriptor.size);
  } finally {
    progress.end('failed', sentBytes);
  }
}

/** Read again from the middle, it is for the other side alone to check. */
async function* readFrom(
  from: Repository,
  descriptor: Descriptor,
  offset: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const body = await from.readBlob(descriptor, { offset, signal });
  if (offset === 0) yield* verifiedBlob(body.stream, descriptor, `${from.name}@${descriptor.digest}`);
  else yield* skipTo(body.stream, offset - body.offset);
}
