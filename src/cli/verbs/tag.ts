/** `hyperfile tag`. */
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { withStore } from '../open-store.ts';
import { addExamples } from '../verb.ts';

export function define(command: Command, console: Console): void {
  command
    .description('Give an image one more name. A name that another image has moves to this one.')
    .argument('<IMAGE>', 'name or id of an image')
    .argument('<NAME>', 'the new name, as NAME or NAME:TAG')
    .action(async (image: string, name: string) => {
      await withStore(console, async (store) => store.tag(name, (await store.image(image)).id));
    });
  addExamples(command, [
    { what: 'a version beside latest', line: 'hyperfile tag web web:1.2' },
    { what: 'name an image by its id', line: 'hyperfile tag 3f2a9c1b web' },
  ]);
}
