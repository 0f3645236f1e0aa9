/** Archives come into being whole, or not at all. */
import type { Repository } from '../oci/repository.ts';

/** Writes to a place; an archive is given up when that fails, so that closing it writes nothing. */
export async function allOrNothing<T>(to: Repository, write: () => Promise<T>): Promise<T> {
  try {
    return await write();
  } catch (error) {
    if (canAbandon(to)) await to.abandon();
    throw error;
  }
}

function canAbandon(place: Repository): place is Repository & { abandon(): Promise<void> } {
  return 'abandon' in place && typeof place.abandon === 'function';
}
