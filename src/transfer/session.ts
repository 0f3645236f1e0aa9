/** A transfer from its first event to its last. */
import { isHyperfileError } from '../base/error.ts';
import type { Digest } from '../oci/digest.ts';
import type { TransferAction, TransferEvent } from './events.ts';
import type { TransferIo } from './io.ts';

/**
 * Runs a transfer between its two events, and counts what moves. The result says which manifest it was about.
 *
 * @throws what the body throws, after the last event
 */
export async function withTransfer<
  Io extends Pick<TransferIo, 'onEvent' | 'signal'>,
  T extends { readonly digest?: Digest },
>(
  io: Io,
  { action, name }: { readonly action: TransferAction; readonly name: string },
  body: (io: Io) => Promise<T>,
): Promise<T> {
  const startedMs = performance.now();
  let movedBytes = 0;
  const onEvent = (event: TransferEvent): void => {
    if (event.type === 'blob-end') movedBytes += event.bytes;
    io.onEvent(event);
  };
  const end = (status: 'done' | 'failed' | 'cancelled', digest?: Digest): void => {
    const durationMs = performance.now() - startedMs;
    const named = digest !== undefined && { digest };
    io.onEvent({ type: 'transfer-end', action, name, status, ...named, movedBytes, durationMs });
  };
  io.onEvent({ type: 'transfer-start', action, name });
  try {
    const result = await body({ ...io, onEvent });
    end('done', result.digest);
    return result;
  } catch (error) {
    end(io.signal.aborted || isHyperfileError(error, 'INTERRUPTED') ? 'cancelled' : 'failed');
    throw error;
  }
}
