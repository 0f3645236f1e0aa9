/** `hyperfile disk info`. */
import path from 'node:path';
import type { Command } from 'commander';
import type { Console } from '../../console.ts';
import { formatOption, type OutputFormat } from '../../options.ts';
import { safeJson } from '../../safe-json.ts';
import { addExamples } from '../../verb.ts';

export function define(command: Command, console: Console): void {
  command
    .description(
      'Show what a VHDX file says about itself and, for a differencing disk, about the disks below it. Fails when the file or its chain is damaged.',
    )
    .argument('<FILE>', 'a VHDX file')
    .addOption(formatOption())
    .action(async (file: string, flags: { format: OutputFormat }) => {
      const { diskReport, formatReport } = await import('../../disk/report.ts');
      const { layers, problem } = diskReport(path.resolve(console.cwd, file));
      const json = { layers, ...(problem && { problem: { code: problem.code, message: problem.message } }) };
      console.out.write(flags.format === 'json' ? `${safeJson(json)}\n` : formatReport(layers));
      if (problem) throw problem;
    });
  addExamples(command, [
    { what: 'a disk and its parents', line: 'hyperfile disk info web.vhdx' },
    {
      what: 'the identity that its children remember',
      line: "hyperfile disk info web.vhdx --format json | jq -r '.layers[0].dataWriteGuid'",
    },
  ]);
}
