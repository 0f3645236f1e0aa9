/** How much memory something takes that is made of typed arrays. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** What one collection finds is given back in the background, and counted out when the next one begins. */
function collectGarbage(): void {
  for (let i = 0; i < 3; i++) gc();
}

/** Bytes of typed arrays that what `make` returns keeps alive, and what it returns. */
export function arrayBytesOf<T>(make: () => T): { readonly bytes: number; readonly kept: T } {
  collectGarbage();
  const before = process.memoryUsage().arrayBuffers;
  const kept = make();
  collectGarbage();
  return { bytes: process.memoryUsage().arrayBuffers - before, kept };
}
