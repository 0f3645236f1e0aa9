/** `hyperfile rmi`. */
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { withStore } from '../open-store.ts';
import { addExamples } from '../verb.ts';

export function define(command: Command, console: Console): void {
  command
    .description(
      'Take names away from images. An image goes with its last name; its layers stay in the cache until a prune.',
    )
    .argument('<IMAGE...>', 'names or ids of images')
    .option('-f, --force', 'remove an image by its id even when it has several names')
    .action(async (names: readonly string[], flags: { force?: boolean }) => {
      await withStore(console, async (store) => {
        for (const name of names) {
          const { untagged, deleted } = await store.removeImage(name, { force: flags.force ?? false });
          for (const gone of untagged) console.out.write(`Untagged: ${gone}\n`);
          if (deleted !== undefined) console.out.write(`Deleted: ${deleted}\n`);
        }
      });
    });
  addExamples(command, [
    { what: 'one name', line: 'hyperfile rmi web:1.2' },
    {
      what: 'every image, then what they leave behind',
      line: 'hyperfile rmi --force $(hyperfile images -q) && hyperfile prune',
    },
  ]);
}
