/** What caches elsewhere are given. */
import type { TransferIo } from '../transfer/io.ts';

export interface CacheIo extends TransferIo {
  /** Where credentials, proxies and a CI system's service are found. */
  readonly env: NodeJS.ProcessEnv;
  /** Plain HTTP and certificates that nobody vouches for, for every registry. */
  readonly insecure?: boolean;
  /** How long one lookup may take where the option does not say; default HYPERFILE_CACHE_TIMEOUT, else 10 s. */
  readonly lookupTimeoutMs?: number;
  /**
   * Keys whose records were refused. An importer adds to it; an exporter given the same set writes those records anew
   * instead of leaving them as they are.
   */
  readonly refused?: Set<string>;
}
