/** Claims a difference that is about to be made, and never a file that is somebody's already. */
import { existsSync } from 'node:fs';
import { HyperfileError } from './error.ts';
import type { Session } from './session.ts';

/** @throws HyperfileError DISK_EXISTS */
export function claimNew(session: Session, filePath: string): void {
  if (existsSync(filePath)) throw new HyperfileError('DISK_EXISTS', { data: { path: filePath } });
  session.claim(filePath);
}
