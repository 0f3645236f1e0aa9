/**
 * Installation media while they are mounted. A mount belongs to the whole host, so commands of one store take turns with
 * a medium, and what a command has mounted is written down in its session's folder: whoever comes after one that was
 * killed dismounts that, and never what somebody else has mounted. The medium itself is only read, and never removed.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isHyperfileError, systemCode } from '../../../base/error.ts';
import { withLock } from '../../../base/lock.ts';
import type { InstallOperations, Medium } from './operations.ts';

const RECORD = 'medium';
/** Long enough for another command that only looks. */
const PATIENCE_MS = 1000;

export interface MediumPlace {
  /** Of the command's session. One medium at a time. */
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
    // Another command that had it would hold the lock if it lived.
    const isLeft = recordsBeside(sessionFolder).includes(mediumPath);
    writeFileSync(record, mediumPath);
    let isOurs = true;
    try {
      const medium = await operations.mountMedium(mediumPath, io);
      isOurs = isLeft || !medium.wasMounted;
      // Somebody else's may stay, whatever happens to this command.
      if (!isOurs) rmSync(record);
      return await body(medium);
    } finally {
      if (isOurs) await operations.dismountMedium(mediumPath);
      rmSync(record, { force: true });
    }
  });
}

/**
 * Dismounts what a session has left mounted whose process is gone. Where another command works with that medium by now,
 * it is up to that one.
 */
export async function dismountLeftMedium(
  operations: InstallOperations,
  sessionFolder: string,
): Promise<void> {
  const mediumPath = readRecord(sessionFolder);
  if (mediumPath === undefined) return;
  try {
    const options = { timeoutMs: PATIENCE_MS };
    await withLock(lockOf(sessionFolder, mediumPath), options, () => operations.dismountMedium(mediumPath));
  } catch (error) {
    if (!isHyperfileError(error, 'LOCK_TIMEOUT')) throw error;
  }
}

/** What all sessions of the store have written down. */
function recordsBeside(sessionFolder: string): string[] {
  const run = path.dirname(sessionFolder);
  return readdirSync(run, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap(({ name }) => readRecord(path.join(run, name)) ?? []);
}

function readRecord(sessionFolder: string): string | undefined {
  try {
    return readFileSync(path.join(sessionFolder, RECORD), 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Beside the sessions: all commands of the store see it. */
function lockOf(sessionFolder: string, mediumPath: string): string {
  const name = createHash('sha256').update(path.resolve(mediumPath).toLowerCase()).digest('hex').slice(0, 16);
  return path.join(path.dirname(sessionFolder), `medium-${name}`);
}
