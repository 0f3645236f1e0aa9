/** `hyperfile history`. */
import type { Command } from 'commander';
import type { HistoryEntry } from '../../oci/image.ts';
import type { Store } from '../../store/store.ts';
import { formatAge } from '../age.ts';
import type { Console } from '../console.ts';
import { withStore } from '../open-store.ts';
import { formatOption, type OutputFormat } from '../options.ts';
import { fitText } from '../render/text-width.ts';
import { shortId } from '../short-id.ts';
import { formatSize } from '../size.ts';
import { formatTable } from '../table.ts';
import { addExamples } from '../verb.ts';

const SHOWN_INSTRUCTION_COLUMNS = 60;

interface Flags {
  readonly format: OutputFormat;
  readonly quiet?: boolean;
  readonly trunc: boolean;
}

interface Row extends HistoryEntry {
  readonly allocatedBytes?: number;
}

export function define(command: Command, console: Console): void {
  command
    .description(
      'Show the instructions that made an image, the last one first, and the layer each of them left.',
    )
    .argument('<IMAGE>', 'name or id of an image')
    .option('--no-trunc', 'show instructions and ids in full')
    .option('-q, --quiet', 'print only the ids of the layers')
    .addOption(formatOption())
    .action(async (image: string, flags: Flags) => {
      const rows = await withStore(console, (store) => readHistory(store, image));
      console.out.write(present(rows, flags));
    });
  addExamples(command, [
    { what: 'which step made the image large', line: 'hyperfile history web' },
    { what: 'whole instructions', line: 'hyperfile history --no-trunc web:1.2' },
  ]);
}

async function readHistory(store: Store, name: string): Promise<Row[]> {
  const { config } = await store.image(name);
  const rows = config.history.map(async (entry): Promise<Row> => {
    const layer = entry.layer === undefined ? undefined : await store.layer(entry.layer);
    return layer ? { ...entry, allocatedBytes: layer.allocatedBytes } : entry;
  });
  return (await Promise.all(rows)).reverse();
}

function present(rows: readonly Row[], { format, quiet, trunc }: Flags): string {
  if (quiet) return rows.flatMap(({ layer }) => (layer === undefined ? [] : [`${layer}\n`])).join('');
  if (format === 'json') return `${JSON.stringify(rows)}\n`;
  const cells = rows.map(({ created, createdBy, layer, allocatedBytes }) => [
    formatAge(created),
    trunc ? fitText(oneLine(createdBy), SHOWN_INSTRUCTION_COLUMNS) : oneLine(createdBy),
    allocatedBytes === undefined ? '0 B' : formatSize(allocatedBytes),
    layer === undefined ? '' : trunc ? shortId(layer) : layer,
  ]);
  return formatTable(['CREATED', 'CREATED BY', 'SIZE', 'LAYER'], cells);
}

function oneLine(instruction: string): string {
  return instruction.replace(/\s*\n\s*/g, ' ');
}
