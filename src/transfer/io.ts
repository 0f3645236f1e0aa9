/** What everything that ships layers is given. */
import type { Listener } from '../base/events.ts';
import type { Store } from '../store/store.ts';
import type { TransferEvent } from './events.ts';

export interface TransferIo {
  readonly store: Store;
  readonly onEvent: Listener<TransferEvent>;
  readonly signal: AbortSignal;
  /** How many blobs move at the same time; default HYPERFILE_CONCURRENCY, else 4. */
  readonly concurrency?: number;
  /** How hard zstd compresses what was never packed before. */
  readonly level?: number;
}

export const DEFAULT_CONCURRENCY = 4;
