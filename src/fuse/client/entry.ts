/** Where the disk server's program lies: beside these sources, or beside the bundle that they became. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The bundle's file for the disk server, in the folder of the bundle that starts it. */
const BUNDLED_SERVER = 'disk-server.cjs';

/** The file to run with this process's own Node. */
export function diskServerEntry(moduleUrl: string = import.meta.url): string {
  const here = fileURLToPath(moduleUrl);
  return here.endsWith('.ts')
    ? path.join(path.dirname(here), '..', 'server', 'main.ts')
    : path.join(path.dirname(here), BUNDLED_SERVER);
}
