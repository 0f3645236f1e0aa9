/**
 * Works on a store as builds, prunes and removals do, all at once with other processes: `node hammer.ts <store> <seed>
 * <rounds>`. Whatever it is handed under a lease must be there until the lease ends. Prints what went wrong.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { isHyperfileError } from '../../src/base/error.ts';
import { Store } from '../../src/store/store.ts';
import { imageOf, keyOf } from './descriptions.ts';

const [root = '', seed = '0', rounds = '0'] = process.argv.slice(2);
const KEYS = 6;

/** A small generator, so that a run can be repeated (mulberry32). */
let state = Number(seed);
function random(below: number): number {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
}

for (let round = 0; round < Number(rounds); round++) {
  const store = await Store.open(root);
  const kind = random(10);
  if (kind < 6) await build(store);
  else if (kind < 8) await store.prune(random(2) ? { keepBytes: random(5) * 4096 } : { all: true });
  else await removeSomething(store);
  store.close();
}
process.stdout.write('done\n');

/** Each step is taken from the cache, or made on the one before it. */
async function build(store: Store): Promise<void> {
  const lease = await store.lease();
  let chain: string[] = [];
  for (let step = 0; step < 3; step++) {
    const key = keyOf(random(KEYS) * 10 + step);
    const hit = await store.cacheGet(key);
    if (hit?.layer !== undefined) {
      chain = await store.chainOf(hit.layer);
      continue;
    }
    const { id, path } = store.newLayer();
    writeFileSync(path, `layer ${id}`);
    await store.sealLayer({ id, ...(chain[0] !== undefined && { parent: chain[0] }) });
    await store.cachePut({ key, inputs: {}, layer: id, created: new Date().toISOString() });
    chain = [id, ...chain];
  }
  await store.tag(`image${random(3)}`, await store.putImage(imageOf(chain, String(random(1000)))));
  for (const id of chain) readFileSync(store.layerPath(id));
  lease.release();
}

async function removeSomething(store: Store): Promise<void> {
  try {
    await store.removeImage(`image${random(3)}`, { force: true });
  } catch (error) {
    if (!isHyperfileError(error, 'STORE_IMAGE_NOT_FOUND')) throw error;
  }
}
