/** `hyperfile images`. */
import type { Command } from 'commander';
import type { ListedImage } from '../../store/list.ts';
import { formatAge } from '../age.ts';
import type { Console } from '../console.ts';
import { withStore } from '../open-store.ts';
import { formatOption, type OutputFormat } from '../options.ts';
import { shortId } from '../short-id.ts';
import { formatSize } from '../size.ts';
import { formatTable } from '../table.ts';
import { addExamples } from '../verb.ts';

interface Flags {
  readonly format: OutputFormat;
  readonly quiet?: boolean;
}

export function define(command: Command, console: Console): void {
  command
    .description(
      'List the images of the store, the newest first. Layers that images share count in each of them.',
    )
    .option('-q, --quiet', 'print only ids')
    .addOption(formatOption())
    .action(async (flags: Flags) => {
      const images = await withStore(console, (store) => store.listImages());
      console.out.write(present(images, flags));
    });
  addExamples(command, [
    { what: 'what there is', line: 'hyperfile images' },
    {
      what: 'the names of all images, for a script',
      line: "hyperfile images --format json | jq -r '.[].names[]'",
    },
  ]);
}

function present(images: readonly ListedImage[], { format, quiet }: Flags): string {
  if (quiet) return images.map(({ id }) => `${id}\n`).join('');
  if (format === 'json') return `${JSON.stringify(images.map(record))}\n`;
  const rows = images.flatMap((image) =>
    shownNames(image).map((name) => [
      name,
      shortId(image.id),
      kindOf(image),
      formatAge(image.config.created),
      String(image.config.layers.length),
      formatSize(image.allocatedBytes),
    ]),
  );
  return formatTable(['NAME', 'ID', 'KIND', 'CREATED', 'LAYERS', 'SIZE'], rows);
}

/** The names that only pin a digest are shown where there is no other. */
function shownNames({ names }: ListedImage): readonly string[] {
  const tags = names.filter((name) => !name.includes('@'));
  if (tags.length > 0) return tags;
  return names.length > 0 ? names : ['<none>'];
}

/** A container image has no kernel of its own, and so has nothing to boot. */
function kindOf({ config }: ListedImage): string {
  return config.kind ?? 'machine';
}

function record(image: ListedImage): object {
  const { id, names, config, allocatedBytes } = image;
  const { created, os, architecture, layers, disk } = config;
  const kind = kindOf(image);
  return { id, names, kind, created, os, architecture, layers, allocatedBytes, diskBytes: disk.sizeBytes };
}
