/** `hyperfile cache`. */
import type { Command } from 'commander';
import { parseDuration } from '../age.ts';
import type { Console } from '../console.ts';
import { formatOption, type OutputFormat } from '../options.ts';
import { parseSize } from '../size.ts';
import { addExamples } from '../verb.ts';
import type { PruneFlags } from './prune.ts';

const CACHE = 'a cache as --cache-from names it, such as type=local,src=FOLDER (default: that of the store)';

export interface VerifyFlags {
  readonly content?: boolean;
  readonly format: OutputFormat;
}

export function define(command: Command, console: Console): void {
  command.description(
    'Look after the caches that hold finished steps: that of the store, and those elsewhere.',
  );
  defineList(command, console);
  definePrune(command, console);
  defineVerify(command, console);
}

function defineList(command: Command, console: Console): void {
  const list = command
    .command('ls')
    .summary('List the steps that a cache holds')
    .description('List the steps that a cache holds, the newest first.')
    .argument('[CACHE]', CACHE)
    .addOption(formatOption())
    .action(async (cache: string | undefined, flags: { format: OutputFormat }) => {
      const { listSteps } = await import('../look-after-caches.ts');
      await listSteps(cache, flags, console);
    });
  addExamples(list, [
    { what: 'what this host can skip', line: 'hyperfile cache ls' },
    {
      what: 'what all runners can skip',
      line: 'hyperfile cache ls type=registry,ref=host.example/web-cache',
    },
  ]);
}

function definePrune(command: Command, console: Console): void {
  const prune = command
    .command('prune')
    .summary('Forget steps that were not used for long')
    .description(
      'Forget steps that were not used for long, and what nothing needs any more. What a registry holds, the registry looks after.',
    )
    .argument('[CACHE]', CACHE)
    .option('-a, --all', 'of the store: forget every step, also those whose layers images hold')
    .option('--keep-storage <size>', 'of the store: keep this much, the most recently used', parseSize)
    .option('--until <time>', 'take only what was not used for this long, such as 24h or 7d', parseDuration)
    .option('--dry-run', 'only say what would go')
    .addOption(formatOption())
    .action(async (cache: string | undefined, flags: PruneFlags) => {
      const { forgetSteps } = await import('../look-after-caches.ts');
      await forgetSteps(cache, flags, console);
    });
  addExamples(prune, [
    {
      what: 'a folder that CI jobs share',
      line: 'hyperfile cache prune --until 7d type=local,src=/ci/cache',
    },
  ]);
}

function defineVerify(command: Command, console: Console): void {
  const verify = command
    .command('verify')
    .summary('Check that a cache holds what it says')
    .description(
      'Check every record of a cache, and that its layers are there. Exit status 4 when something is wrong.',
    )
    .argument('[CACHE]', CACHE)
    .option('--content', 'read all layers as well, and check their digests')
    .addOption(formatOption())
    .action(async (cache: string | undefined, flags: VerifyFlags) => {
      const { verifySteps } = await import('../look-after-caches.ts');
      await verifySteps(cache, flags, console);
    });
  addExamples(verify, [
    { what: 'the store, after a crash of the host', line: 'hyperfile cache verify --content' },
    {
      what: 'a cache in a registry',
      line: 'hyperfile cache verify type=registry,ref=host.example/web-cache',
    },
  ]);
}
