/** `hyperfile tags`. */
import type { Command } from 'commander';
import type { Console } from '../console.ts';
import { formatOption, type OutputFormat } from '../options.ts';
import { placeOf, withPlaces, withRepository } from '../places.ts';
import { cleanText } from '../render/output-lines.ts';
import { safeJson } from '../safe-json.ts';
import { addInsecureOption, type RegistryFlags } from '../transfer-options.ts';
import { addExamples } from '../verb.ts';

interface Flags extends RegistryFlags {
  readonly format: OutputFormat;
}

export function define(command: Command, console: Console): void {
  command
    .description('List the tags that a name has in a registry, an OCI layout or an archive.')
    .argument('<NAME>', 'HOST/NAME, oci:FOLDER, oci-archive:FILE or docker-archive:FILE')
    .addOption(formatOption());
  addInsecureOption(command).action(async (name: string, flags: Flags) => {
    const tags = await listTags(name, flags, console);
    console.out.write(
      flags.format === 'json' ? `${safeJson(tags)}\n` : tags.map((tag) => `${tag}\n`).join(''),
    );
  });
  addExamples(command, [
    { what: 'what there is to pull', line: 'hyperfile tags host.example:5000/team/web' },
    { what: 'for a program', line: "hyperfile tags --format json host.example/web | jq -r '.[]'" },
  ]);
}

function listTags(name: string, flags: RegistryFlags, console: Console): Promise<string[]> {
  const place = placeOf(name, console);
  return withPlaces(console, (io) =>
    withRepository(place, flags, { ...io, console }, async (repository) => {
      const tags: string[] = [];
      for await (const tag of repository.tags({ signal: io.signal })) tags.push(cleanText(tag));
      return tags;
    }),
  );
}
