/** `hyperfile save`. */
import path from 'node:path';
import type { Command } from 'commander';
import type { Digest } from '../../oci/digest.ts';
import { normalizeName, parseReference } from '../../oci/reference.ts';
import type { StoredImage } from '../../store/images.ts';
import type { TransferIo } from '../../transfer/io.ts';
import type { ImageToSave } from '../../transfer/save-images.ts';
import type { Console } from '../console.ts';
import { withRepository } from '../places.ts';
import { addLevelOption, addTransferOptions, type TransferFlags } from '../transfer-options.ts';
import { misused } from '../usage-error.ts';
import { addExamples } from '../verb.ts';
import { withTransferView } from '../view-session.ts';

interface Flags extends TransferFlags {
  readonly output?: string;
}

export function define(command: Command, console: Console): void {
  command
    .description(
      'Write images to one archive, a tar of an OCI layout, that load takes in again. Layers that images share are in it once.',
    )
    .argument('<IMAGE...>', 'names or ids of images')
    .option('-o, --output <file>', 'the archive (default: standard output)');
  addLevelOption(addTransferOptions(command, 'the digests')).action(
    async (names: readonly string[], flags: Flags) => {
      checkOutput(flags, console);
      const digests = await withTransferView(flags, console, (io) => save(names, flags, io, console));
      if (flags.quiet && flags.output !== undefined)
        for (const digest of digests) console.out.write(`${digest}\n`);
    },
  );
  addExamples(command, [
    { what: 'one image in a file', line: 'hyperfile save -o web.tar web:1.2' },
    { what: 'to another host', line: 'hyperfile save web db | ssh other hyperfile load' },
  ]);
}

/** An archive on a terminal helps nobody, and events would stand in the middle of it. */
function checkOutput({ output, format, progress }: Flags, { out }: Console): void {
  if (output !== undefined) return;
  if (out.isTTY) {
    const hint = 'Name a file with -o, or send the output into one.';
    throw misused('save', 'an archive is not written to a terminal', hint);
  }
  if (format === 'json' || progress === 'json') {
    const problem = 'the archive and the events cannot both go to standard output';
    throw misused('save', problem, 'Name a file for the archive with -o.');
  }
}

async function save(
  names: readonly string[],
  { output }: Flags,
  io: TransferIo,
  console: Console,
): Promise<Digest[]> {
  const images = await Promise.all(
    names.map(async (name) => ({ image: await io.store.image(name), asked: name })),
  );
  const named = images.map(({ image, asked }) => ({ image, ...nameOf(image, asked) }));
  const saveTo = (file: string) => saveFile(named, file, output ?? 'standard output', io, console);
  if (output !== undefined) return saveTo(path.resolve(console.cwd, output));
  const { withOutputFile } = await import('../piped-archive.ts');
  return withOutputFile(console, io, saveTo);
}

function saveFile(
  images: readonly ImageToSave[],
  file: string,
  called: string,
  io: TransferIo,
  console: Console,
): Promise<Digest[]> {
  const warn = (message: string) => io.onEvent({ type: 'warning', message });
  const placeIo = { console, signal: io.signal, warn };
  const place = { kind: 'oci-archive', path: file } as const;
  return withRepository(place, { create: true }, placeIo, async (archive) => {
    const { saveImages } = await import('../../transfer/save-images.ts');
    // The archive is known; of each image its name in there is told.
    const shown = (name: string) => name.slice(archive.name.length + 1) || called;
    const onEvent: TransferIo['onEvent'] = (event) =>
      io.onEvent('name' in event ? { ...event, name: shown(event.name) } : event);
    return saveImages(images, archive, { ...io, onEvent });
  });
}

/** An image that was asked for by its id has no name in the archive. */
function nameOf({ id }: StoredImage, asked: string): { name?: string } {
  const digits = asked.replace(/^sha256:/, '');
  if (id.slice('sha256:'.length).startsWith(digits)) return {};
  const { digest } = parseReference(asked);
  return digest === undefined ? { name: normalizeName(asked) } : {};
}
