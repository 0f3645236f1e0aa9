/** `hyperfile doctor`. */
import type { Command } from 'commander';
import { HyperfileError } from '../../base/error.ts';
import type { Console } from '../console.ts';
import { formatOption, type OutputFormat } from '../options.ts';
import { addExamples } from '../verb.ts';

export function define(command: Command, console: Console): void {
  command
    .description(
      'Show what this host can do, what it lacks and how to get it. Exit status 5 when nothing can be built here.',
    )
    .addOption(formatOption())
    .action(async (flags: { format: OutputFormat }) => {
      const { examineHost, formatHost } = await import('../examine-host.ts');
      const host = await examineHost(console);
      console.out.write(flags.format === 'json' ? `${JSON.stringify(host)}\n` : formatHost(host, console));
      const problems = host.findings.filter(({ level }) => level === 'problem').map(({ what }) => what);
      if (problems.length > 0) throw new HyperfileError('CLI_HOST_LACKS', { data: { problems } });
    });
  addExamples(command, [
    { what: 'before the first build', line: 'hyperfile doctor' },
    {
      what: 'in a script that prepares a build machine',
      line: "hyperfile doctor --format json | jq '.findings'",
    },
  ]);
}
