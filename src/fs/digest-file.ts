/** The digest of one file of the host, such as a disk or an archive that becomes a base. */
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import type { Listener, Progress } from '../base/events.ts';
import { readPieces } from './file-content.ts';
import type { FileDigests } from './file-digest-cache.ts';
import { Pace } from './pace.ts';

export interface FileDigestOptions {
  /** Remembers files that have not changed. */
  readonly cache?: FileDigests;
  readonly signal?: AbortSignal;
  readonly onProgress?: Listener<Progress>;
}

const REPORT_BYTES = 64 * 1024 * 1024;

/** SHA-256 (hex) of a file's bytes. */
export async function digestFile(
  hostPath: string,
  { cache, signal, onProgress }: FileDigestOptions,
): Promise<string> {
  const stat = statSync(hostPath);
  const known = cache?.get(stat, hostPath);
  if (known !== undefined) return known;
  const startedMs = Date.now();
  const hash = createHash('sha256');
  let [done, reported] = [0, 0];
  await readPieces({ hostPath }, new Pace(signal), (piece) => {
    hash.update(piece);
    done += piece.length;
    if (done - reported < REPORT_BYTES) return;
    reported = done;
    onProgress?.({ done, total: stat.size, unit: 'bytes' });
  });
  const digest = hash.digest('hex');
  cache?.set(stat, hostPath, digest, startedMs);
  return digest;
}
