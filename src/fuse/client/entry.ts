/** Where the disk server's program lies. */
import { ownProgram } from '../../base/own-program.ts';

/** The file to run with this process's own Node. */
export function diskServerEntry(moduleUrl: string = import.meta.url): string {
  return ownProgram(moduleUrl, '../server/main.ts', 'disk-server.cjs');
}
