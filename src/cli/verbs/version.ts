/** `hyperfile version`. */
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { formatOption, type OutputFormat } from '../options.ts';
import { addExamples } from '../verb.ts';
import { VERSION } from '../version.ts';

export function define(command: Command, console: Console): void {
  command.addOption(formatOption()).action((options: { format: OutputFormat }) => {
    const record = {
      version: VERSION,
      node: process.versions.node,
      platform: process.platform,
      architecture: process.arch,
    };
    console.out.write(
      options.format === 'json'
        ? `${JSON.stringify(record)}\n`
        : `hyperfile ${record.version} (node ${record.node}, ${record.platform} ${record.architecture})\n`,
    );
  });
  addExamples(command, [
    { what: 'the version of everything that matters in a bug report', line: 'hyperfile version' },
    { what: 'the same for a program', line: 'hyperfile version --format json' },
  ]);
}
