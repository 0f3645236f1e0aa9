/** Options that every verb that ships images takes, and how their values are checked. */
import type { Command } from 'commander';
import { HyperfileError } from '../base/error.ts';
import { DEFAULT_CONCURRENCY } from '../transfer/io.ts';
import { choiceOption, progressOption } from './options.ts';
import type { ViewFlags } from './view-session.ts';

/** As commander hands them over. */
export interface TransferFlags extends ViewFlags {
  readonly format: 'text' | 'json';
  readonly concurrency?: number;
  readonly compressionLevel?: number;
}

/** For verbs that may speak to a registry. */
export interface RegistryFlags {
  readonly insecure?: boolean;
}

const MOST_CONCURRENCY = 64;

/** `-q`, `--progress`, `--format`, `--concurrency`. @param printed What `-q` leaves on the standard output. */
export function addTransferOptions(command: Command, printed = 'the digest'): Command {
  return command
    .option('-q, --quiet', `print only ${printed}`)
    .addOption(progressOption())
    .addOption(
      choiceOption('--format <format>', 'json prints every event on a line of its own', [
        'text',
        'json',
      ]).default('text'),
    )
    .option(
      '--concurrency <count>',
      `how many blobs move at the same time (default: ${DEFAULT_CONCURRENCY})`,
      numberBetween('--concurrency', 1, MOST_CONCURRENCY),
    );
}

export function addInsecureOption(command: Command): Command {
  return command.option('--insecure', 'allow plain HTTP, and certificates that nobody vouches for');
}

/** `--compression-level`, of zstd. */
export function addLevelOption(command: Command): Command {
  return command.option(
    '--compression-level <level>',
    'how hard to compress layers that were never shipped before: 1 (quick) to 22 (small)',
    numberBetween('--compression-level', 1, 22),
  );
}

/** @throws HyperfileError CLI_BAD_VALUE */
export function numberBetween(option: string, least: number, most: number): (value: string) => number {
  return (value) => {
    const number = /^\d{1,9}$/.test(value) ? Number(value) : NaN;
    if (number >= least && number <= most) return number;
    const data = { value: JSON.stringify(value), option, expected: `a number from ${least} to ${most}` };
    throw new HyperfileError('CLI_BAD_VALUE', { data });
  };
}
