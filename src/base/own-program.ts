/** Where a program or thread of ours lies: among these sources, or beside the bundle that they became. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * @param moduleUrl of the module that asks
 * @param source its file as that module would import it
 * @param bundled its file in the folder of the bundle
 */
export function ownProgram(moduleUrl: string, source: string, bundled: string): string {
  const here = fileURLToPath(moduleUrl);
  return path.join(path.dirname(here), here.endsWith('.ts') ? source : bundled);
}
