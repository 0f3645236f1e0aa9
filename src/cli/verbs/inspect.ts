/** `hyperfile inspect`. */
import type { Command } from 'commander';
import type { Store } from '../../store/store.ts';
import type { Console } from '../console.ts';
import { withStore } from '../open-store.ts';
import { addExamples } from '../verb.ts';

export function define(command: Command, console: Console): void {
  command
    .description('Print everything about images as JSON: names, config, disk, layers, history.')
    .argument('<IMAGE...>', 'names or ids of images')
    .action(async (names: readonly string[]) => {
      const found = await withStore(console, (store) =>
        Promise.all(names.map((name) => describe(store, name))),
      );
      console.out.write(`${JSON.stringify(found, undefined, 2)}\n`);
    });
  addExamples(command, [
    { what: 'all of it', line: 'hyperfile inspect web' },
    { what: 'the environment of an image', line: "hyperfile inspect web | jq '.[0].config.env'" },
  ]);
}

async function describe(store: Store, name: string): Promise<object> {
  const { id, config } = await store.image(name);
  const listed = (await store.listImages()).find((image) => image.id === id);
  const layers = config.layers.map(async (layer) => {
    const record = await store.layer(layer);
    return { ...(record ?? { id: layer }), path: store.layerPath(layer) };
  });
  return { id, names: listed?.names ?? [], ...config, layers: await Promise.all(layers) };
}
