/** What `disk diff` prints: the parts in which two disks differ, as they are found. */
import path from 'node:path';
import { HyperfileError } from '../../base/error.ts';
import type { StepsIo } from '../../base/steps.ts';
import { formatOfContent } from '../../convert/formats.ts';
import { rawSource, vhdxSource, type CopySource } from '../../convert/source.ts';
import { diffDisks, type DiffRange } from '../../vhdx/operations/diff.ts';
import type { Console } from '../console.ts';
import { count } from '../count.ts';
import { Answer } from '../exit-statuses.ts';
import type { WorkFlags } from '../options.ts';
import { safeJson } from '../safe-json.ts';
import { formatSize } from '../size.ts';
import { jsonArray, writePieces } from '../write-lines.ts';
import { withDiskWork } from './work.ts';

const DIFFERENT = 1;

/** @throws Answer with status 1 when the disks differ; HyperfileError of what opens them */
export async function diff(a: string, b: string, flags: WorkFlags, console: Console): Promise<void> {
  const total = await withDiskWork(flags, console, `comparing ${a} with ${b}`, async (io) => {
    const sources: CopySource[] = [];
    try {
      for (const name of [a, b]) sources.push(await openSource(path.resolve(console.cwd, name)));
      return await printed(sources[0], sources[1], flags, console, io);
    } finally {
      for (const source of sources) source.close();
    }
  });
  if (flags.progress === 'json') console.out.write(`${safeJson({ type: 'result', ...resultOf(total) })}\n`);
  if (total.rangeCount > 0) throw new Answer(DIFFERENT);
}

async function openSource(file: string): Promise<CopySource> {
  const format = await formatOfContent(file);
  if (format === 'vhdx') return vhdxSource(file);
  if (format === 'raw') return rawSource(file);
  throw new HyperfileError('DISK_UNUSABLE', {
    data: { path: file, reason: `it is a ${format} disk, and only VHDX and raw disks can be compared` },
    hint: `Convert it first: hyperfile disk convert ${path.basename(file)} ${path.parse(file).name}.raw`,
  });
}

/** What was found so far. */
interface Total {
  rangeCount: number;
  differentBytes: number;
}

function resultOf({ rangeCount, differentBytes }: Total): object {
  return { same: rangeCount === 0, rangeCount, differentBytes };
}

/** Prints every difference while the comparison goes on. */
async function printed(
  a: CopySource,
  b: CopySource,
  flags: WorkFlags,
  console: Console,
  io: StepsIo,
): Promise<Total> {
  const total = { rangeCount: 0, differentBytes: 0 };
  const ranges = counted(diffDisks(a, b, io), total);
  if (flags.quiet) {
    // Only whether they differ is asked.
    for await (const _ of ranges) break;
  } else if (flags.progress === 'json') {
    await writePieces(
      console.out,
      mapped(ranges, (range) => `${safeJson({ type: 'difference', ...recordOf(range) })}\n`),
    );
  } else if (flags.format === 'json') {
    const elements = mapped(ranges, (range) => safeJson(recordOf(range)));
    const after = () => `,${safeJson(resultOf(total)).slice(1)}`;
    await writePieces(console.out, jsonArray(elements, '{"ranges":', after));
  } else await writePieces(console.out, table(ranges, Math.max(a.sizeBytes, b.sizeBytes), total));
  return total;
}

async function* counted(ranges: AsyncIterable<DiffRange>, total: Total): AsyncGenerator<DiffRange> {
  for await (const range of ranges) {
    total.rangeCount++;
    total.differentBytes += range.length;
    yield range;
  }
}

async function* mapped(
  ranges: AsyncIterable<DiffRange>,
  show: (range: DiffRange) => string,
): AsyncGenerator<string> {
  for await (const range of ranges) yield show(range);
}

function recordOf({ offset, length }: DiffRange): object {
  return { start: offset, length };
}

async function* table(
  ranges: AsyncIterable<DiffRange>,
  sizeBytes: number,
  total: Total,
): AsyncGenerator<string> {
  const width = Math.max(String(sizeBytes).length, 'OFFSET'.length);
  let isFirst = true;
  for await (const { offset, length } of ranges) {
    if (isFirst) yield `${'OFFSET'.padEnd(width)}  LENGTH\n`;
    isFirst = false;
    yield `${String(offset).padEnd(width)}  ${length}\n`;
  }
  if (isFirst) yield 'the disks are the same\n';
  else
    yield `the disks differ in ${formatSize(total.differentBytes)}, in ${count(total.rangeCount, 'place')}\n`;
}
