/** `hyperfile inspect`. */
import type { Command } from 'commander';
import type { Store } from '../../store/store.ts';
import type { Platform } from '../../plan/platform.ts';
import type { Console } from '../console.ts';
import { withStore } from '../open-store.ts';
import { platformOption } from '../platform-option.ts';
import { safeJson } from '../safe-json.ts';
import { addInsecureOption, type RegistryFlags } from '../transfer-options.ts';
import { misused } from '../usage-error.ts';
import { addExamples } from '../verb.ts';

export interface InspectFlags extends RegistryFlags {
  readonly remote?: boolean;
  readonly raw?: boolean;
  readonly platform?: Platform;
}

export function define(command: Command, console: Console): void {
  command
    .description(
      'Print everything about images as JSON: names, config, disk, layers, history; with --remote manifest, config and layers of what lies elsewhere, without fetching it.',
    )
    .argument(
      '<IMAGE...>',
      'names or ids of images; with --remote names in registries, oci:FOLDER and the like',
    )
    .option('--remote', 'look at images in registries, OCI layouts and archives')
    .option('--raw', 'with --remote: print the bytes of the manifest and nothing else')
    .addOption(platformOption('with --remote: which image of several, such as linux/arm64', 'the list'));
  addInsecureOption(command).action(async (names: readonly string[], flags: InspectFlags) => {
    checkFlags(names, flags);
    if (!flags.remote) {
      const found = await withStore(console, (store) =>
        Promise.all(names.map((name) => describe(store, name))),
      );
      console.out.write(`${safeJson(found, 2)}\n`);
      return;
    }
    const { inspectRemote } = await import('../inspect-remote.ts');
    await inspectRemote(names, flags, console);
  });
  addExamples(command, [
    { what: 'all of it', line: 'hyperfile inspect web' },
    { what: 'the environment of an image', line: "hyperfile inspect web | jq '.[0].config.env'" },
    { what: 'what a pull would fetch', line: 'hyperfile inspect --remote host.example:5000/team/web' },
    {
      what: 'the digest of a tag',
      line: "hyperfile inspect --remote host.example/web | jq -r '.[0].digest'",
    },
  ]);
}

function checkFlags(names: readonly string[], { remote, raw, platform, insecure }: InspectFlags): void {
  const given = { '--raw': raw, '--platform': platform, '--insecure': insecure };
  const alone = Object.entries(given).find(([, value]) => value !== undefined)?.[0];
  const problem =
    !remote && alone !== undefined
      ? `${alone} needs --remote`
      : raw && names.length > 1
        ? '--raw takes one image'
        : undefined;
  if (problem !== undefined) throw misused('inspect', problem);
}

async function describe(store: Store, name: string): Promise<object> {
  const { id, config } = await store.image(name);
  const listed = (await store.listImages()).find((image) => image.id === id);
  const layers = config.layers.map(async (layer) => {
    const record = await store.layer(layer);
    return { ...(record ?? { id: layer }), path: store.layerPath(layer) };
  });
  return { id, names: listed?.names ?? [], ...config, layers: await Promise.all(layers) };
}
