/** The places that images come from and go to, as a command line names them. */
import path from 'node:path';
import type { ArchiveWriter } from '../oci/archive-writer.ts';
import { parseLocation, type Location } from '../oci/location.ts';
import type { Repository } from '../oci/repository.ts';
import type { Console } from './console.ts';
import { interruptible } from './interrupt.ts';
import { cleanText } from './render/output-lines.ts';
import type { RegistryFlags } from './transfer-options.ts';

export interface PlaceIo {
  readonly signal: AbortSignal;
  /** Is told what the user should know and what is no failure. */
  readonly warn: (message: string) => void;
}

/** A location; relative paths start from the console's folder. @throws HyperfileError OCI_LOCATION_INVALID, STORE_NAME_INVALID */
export function placeOf(text: string, console: Console): Location {
  const location = parseLocation(text);
  if (location.kind === 'registry') return location;
  return { ...location, path: path.resolve(console.cwd, location.path) };
}

/** Work with places that needs no store and shows no progress; Ctrl-C ends it. */
export async function withPlaces<T>(console: Console, work: (io: PlaceIo) => Promise<T>): Promise<T> {
  const warn = (message: string) => void console.err.write(`hyperfile: ${cleanText(message)}\n`);
  return interruptible(warn, (signal) => work({ signal, warn }));
}

export interface PlaceOptions extends RegistryFlags {
  /** The place is written to: folders and archives are made where there are none. */
  readonly create?: boolean;
}

/**
 * Works in a place, and closes it when that is done. An archive that could not be written whole is not written at all.
 *
 * @throws HyperfileError what opening, the work and closing throw
 */
export async function withRepository<T>(
  location: Location,
  { insecure, create }: PlaceOptions,
  { console, signal, warn }: PlaceIo & { readonly console: Console },
  work: (repository: Repository) => Promise<T>,
): Promise<T> {
  const { openRepository } = await import('../transfer/open-repository.ts');
  const repository = await openRepository(location, {
    env: console.env,
    signal,
    onNotice: warn,
    ...(insecure !== undefined && { insecure }),
    ...(create !== undefined && { create }),
  });
  let result: T;
  try {
    result = await work(repository);
  } catch (error) {
    await (isArchiveWriter(repository) ? repository.abandon() : repository.close());
    throw error;
  }
  await repository.close();
  return result;
}

function isArchiveWriter(repository: Repository): repository is ArchiveWriter {
  return 'abandon' in repository;
}
