/**
 * Installation media while they are mounted. A mount belongs to the whole host, so two commands of one store take turns
 * with a medium, and what a command has mounted is written down beside its session: whoever cleans up after one that was
 * killed dismounts that, and never what somebody else has mounted, and never removes the medium itself.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { withLock } from '../../../base/lock.ts';
import type { InstallOperations, Medium } from './operations.ts';

const RECORD = 'medium';

export interface MediumPlace {
  /** Of the command's session: the record lies in it. One medium at a time. */
  readonly sessionFolder: string;
  readonly signal?: AbortSignal;
}

/**
 * Does something with a mounted medium.
 *
 * @throws HyperfileError INSTALL_MEDIUM, INSTALL_IMAGE, INTERRUPTED
 */
export async function withMedium<T>(
  operations: InstallOperations,
  mediumPath: string,
  { sessionFolder, ...io }: MediumPlace,
  body: (medium: Medium) => Promise<T>,
): Promise<T> {
  const record = path.join(sessionFolder, RECORD);
  return withLock(lockOf(sessionFolder, mediumPath), io, async () => {
    writeFileSync(record, mediumPath);
    let medium: Medium | undefined;
    try {
      medium = await operations.mountMedium(mediumPath, io);
      // Somebody else's may stay, whatever happens to this command.
      if (medium.wasMounted) rmSync(record);
      return await body(medium);
    } finally {
      if (medium?.wasMounted !== true) await operations.dismountMedium(mediumPath);
      rmSync(record, { force: true });
    }
  });
}

/** Dismounts what a session has left mounted whose process is gone. */
export async function dismountLeftMedium(
  operations: InstallOperations,
  sessionFolder: string,
): Promise<void> {
  const record = path.join(sessionFolder, RECORD);
  if (!existsSync(record)) return;
  const mediumPath = readFileSync(record, 'utf8');
  await withLock(lockOf(sessionFolder, mediumPath), {}, () => operations.dismountMedium(mediumPath));
}

/** Beside the sessions: all commands of the store see it. */
function lockOf(sessionFolder: string, mediumPath: string): string {
  const name = createHash('sha256').update(path.resolve(mediumPath).toLowerCase()).digest('hex').slice(0, 16);
  return path.join(path.dirname(sessionFolder), `medium-${name}`);
}
