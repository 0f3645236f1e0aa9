/** What `disk map` prints: a line for every extent of a disk, as they are found. */
import path from 'node:path';
import { openChain, type ChainDisk } from '../../vhdx/chain.ts';
import { mapChain, type MapExtent } from '../../vhdx/operations/map.ts';
import type { Console } from '../console.ts';
import { cleanText } from '../render/output-lines.ts';
import { safeJson } from '../safe-json.ts';
import type { MapFlags } from '../verbs/disk/map.ts';
import { jsonArray, writePieces } from '../write-lines.ts';

/** @throws HyperfileError of {@link openChain} */
export async function mapDisk(file: string, flags: MapFlags, console: Console): Promise<void> {
  const chain = openChain(path.resolve(console.cwd, file));
  try {
    const start = Math.min(flags.startOffset ?? 0, chain.sizeBytes);
    const length = Math.min(flags.maxLength ?? Infinity, chain.sizeBytes - start);
    const extents = mapChain(chain, start, length);
    const pieces = flags.format === 'json' ? jsonArray(records(extents)) : table(extents, chain, console);
    await writePieces(console.out, pieces);
  } finally {
    chain.close();
  }
}

function* records(extents: Iterable<MapExtent>): Generator<string> {
  for (const extent of extents) yield safeJson(extent);
}

const HEADINGS = ['OFFSET', 'LENGTH', 'DEPTH', 'FILE OFFSET', 'FILE'] as const;

/** Rows under headings. How wide the columns must be is known before the first row: no number is longer than the size. */
function* table(extents: Iterable<MapExtent>, chain: ChainDisk, console: Console): Generator<string> {
  const longest = (largest: number, heading: number) =>
    Math.max(String(largest).length, HEADINGS[heading].length);
  const fileBytes = Math.max(...chain.layers.map((layer) => layer.fileBytes));
  const widths = [
    longest(chain.sizeBytes, 0),
    longest(chain.sizeBytes, 1),
    HEADINGS[2].length,
    longest(fileBytes, 3),
  ];
  const row = (cells: readonly string[]) =>
    `${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}\n`;
  const names = new Map(
    chain.layers.map((layer) => [layer.path, cleanText(shortName(layer.path, console.cwd))]),
  );
  yield row(HEADINGS);
  for (const { start, length, depth, offset, file } of extents) {
    const place =
      file === undefined ? ['-', '-', 'zeros'] : [String(depth), String(offset), names.get(file) ?? file];
    yield row([String(start), String(length), ...place]);
  }
}

/** A path as one would type it here. */
function shortName(file: string, folder: string): string {
  const relative = path.relative(folder, file);
  return relative.startsWith('..') ? file : relative;
}
