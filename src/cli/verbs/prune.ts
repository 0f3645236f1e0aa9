/** `hyperfile prune`. */
import type { Command } from 'commander';
import type { PruneReport } from '../../store/prune.ts';
import { parseDuration } from '../age.ts';
import type { Console } from '../console.ts';
import { count } from '../count.ts';
import { withStore } from '../open-store.ts';
import { formatOption, type OutputFormat } from '../options.ts';
import { formatSize, parseSize } from '../size.ts';
import { addExamples } from '../verb.ts';

export interface PruneFlags {
  readonly all?: boolean;
  readonly keepStorage?: number;
  readonly until?: number;
  readonly dryRun?: boolean;
  readonly format: OutputFormat;
}

export function define(command: Command, console: Console): void {
  command
    .description(
      'Free what nothing needs: cached layers that no image holds, images without a name, leftovers.',
    )
    .option('-a, --all', 'forget every cached step, also those whose layers images hold')
    .option('--keep-storage <size>', 'keep this much of the cache, the most recently used', parseSize)
    .option('--until <time>', 'take only what was not used for this long, such as 24h or 7d', parseDuration)
    .option('--dry-run', 'only say what would go')
    .addOption(formatOption())
    .action((flags: PruneFlags) => pruneStore(flags, console));
  addExamples(command, [
    { what: 'what no image needs', line: 'hyperfile prune' },
    { what: 'in a nightly job: keep 20 GiB of cache', line: 'hyperfile prune --keep-storage 20G' },
    { what: 'how much a prune would free', line: 'hyperfile prune --dry-run' },
  ]);
}

export async function pruneStore(flags: PruneFlags, console: Console): Promise<void> {
  const report = await withStore(console, (store, signal) =>
    store.prune({
      signal,
      ...(flags.all !== undefined && { all: flags.all }),
      ...(flags.keepStorage !== undefined && { keepBytes: flags.keepStorage }),
      ...(flags.until !== undefined && { olderThanMs: flags.until }),
      ...(flags.dryRun !== undefined && { dryRun: flags.dryRun }),
    }),
  );
  console.out.write(flags.format === 'json' ? `${JSON.stringify(report)}\n` : describe(report, flags));
}

function describe(
  { freedBytes, layers, images, cacheRecords, garbageFiles }: PruneReport,
  flags: PruneFlags,
): string {
  const counts = [
    count(layers.length, 'layer'),
    count(images.length, 'image'),
    count(cacheRecords, 'cached step'),
    count(garbageFiles, 'leftover'),
  ];
  return `${flags.dryRun ? 'Would free' : 'Freed'} ${formatSize(freedBytes)} (${counts.join(', ')})\n`;
}
