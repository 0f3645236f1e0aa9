/** What the processes do that the crash test kills: `node scenario.ts <store> <name>`. */
import { writeFileSync } from 'node:fs';
import { Store } from '../../src/store/store.ts';
import { imageOf, keyOf } from './descriptions.ts';

const [root = '', name] = process.argv.slice(2);
const store = await Store.open(root);
if (name === 'prune') await store.prune();
if (name === 'build') await build();
if (name === 'remove') await store.removeImage('web');
store.close();

/** Two layers, a record and an image, under a name that another image has. */
async function build(): Promise<void> {
  const lease = await store.lease();
  const [base, leaf] = [store.newLayer(), store.newLayer()];
  writeFileSync(base.path, 'base');
  writeFileSync(leaf.path, 'leaf');
  await Promise.all([store.sealLayer(base), store.sealLayer({ id: leaf.id, parent: base.id })]);
  await store.cachePut({ key: keyOf(9), inputs: {}, layer: leaf.id, created: '2026-01-01T00:00:00Z' });
  await store.tag('web', await store.putImage(imageOf([leaf.id, base.id], 'new')));
  lease.release();
}
