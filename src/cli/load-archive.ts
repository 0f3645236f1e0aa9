/** What `hyperfile load` does: finds out what kind of archive it is given, and takes in its images. */
import path from 'node:path';
import { isHyperfileError } from '../base/error.ts';
import type { FileLocation } from '../oci/location.ts';
import type { Repository } from '../oci/repository.ts';
import { guestPlatforms } from '../plan/platform.ts';
import type { TransferIo } from '../transfer/io.ts';
import type { LoadedImage } from '../transfer/load-images.ts';
import type { Console } from './console.ts';
import { ContainerEvents } from './container-events.ts';
import { withInputFile } from './piped-archive.ts';
import { placeOf, withRepository, type PlaceIo } from './places.ts';
import { cleanText } from './render/output-lines.ts';
import { misused } from './usage-error.ts';
import type { LoadFlags } from './verbs/load.ts';
import { withTransferView } from './view-session.ts';

const WITH_KIND = /^(oci|oci-archive|docker-archive):/;

/** @throws HyperfileError of the archive and the store */
export async function loadArchive(flags: LoadFlags, console: Console): Promise<void> {
  if (flags.input === undefined && console.input.isTTY) {
    throw misused('load', 'there is no archive on standard input', 'Name a file with -i.');
  }
  const loaded = await withTransferView(flags, console, (io) => load(flags, io, console));
  if (flags.quiet) for (const { id } of loaded) console.out.write(`${id}\n`);
  else if (flags.format !== 'json' && flags.progress !== 'json')
    for (const { name } of loaded) console.out.write(`Loaded: ${cleanText(name)}\n`);
}

async function load(flags: LoadFlags, io: TransferIo, console: Console): Promise<LoadedImage[]> {
  const warn = (message: string) => io.onEvent({ type: 'warning', message });
  const placeIo = { console, signal: io.signal, warn };
  if (flags.input !== undefined) return loadFrom(flags.input, flags, io, placeIo);
  // An archive is read here and there, which a pipe does not allow.
  return withInputFile(console, io, (file) => loadFrom(file, flags, io, placeIo));
}

async function loadFrom(
  input: string,
  flags: LoadFlags,
  io: TransferIo,
  placeIo: PlaceIo & { readonly console: Console },
): Promise<LoadedImage[]> {
  const place = await findPlace(input, placeIo);
  return withRepository(place, {}, placeIo, async (source) => {
    const { loadImages } = await import('../transfer/load-images.ts');
    const events = new ContainerEvents(io.onEvent);
    const counted = { ...io, onEvent: events.onTransfer };
    try {
      return await loadImages(
        {
          source,
          ...(place.tag !== undefined && { reference: place.tag }),
          ...(flags.name !== undefined && { name: flags.name }),
          platform: flags.platform ?? guestPlatforms(),
          onContainer: async (image, name) => {
            const { pullContainer } = await import('../build/pull-container.ts');
            const { id } = await events.during(image.descriptor.digest, (onEvent) =>
              pullContainer({ ...image, repository: source, name }, { ...io, onEvent }),
            );
            return id;
          },
        },
        counted,
      );
    } finally {
      events.release();
    }
  });
}

/** What `docker save` writes may be an OCI layout as well; only its own list has the whole names of the images. */
async function findPlace(
  input: string,
  placeIo: PlaceIo & { readonly console: Console },
): Promise<FileLocation> {
  const { console } = placeIo;
  if (WITH_KIND.test(input)) return placeOf(input, console) as FileLocation;
  const file = path.resolve(console.cwd, input);
  const docker: FileLocation = { kind: 'docker-archive', path: file };
  const isDocker = await withRepository(docker, {}, placeIo, (archive) => canBeRead(archive, placeIo));
  return isDocker ? docker : { kind: 'oci-archive', path: file };
}

async function canBeRead(archive: Repository, { signal }: PlaceIo): Promise<boolean> {
  try {
    for await (const _tag of archive.tags({ signal })) break;
    return true;
  } catch (error) {
    if (!isHyperfileError(error, 'OCI_ARCHIVE_INVALID')) throw error;
    return false;
  }
}
