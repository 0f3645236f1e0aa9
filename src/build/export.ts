/** Flattens an image into one disk of the host: `.vhdx`, `.vhd`, `.qcow2`, `.raw` or `.img`. */
import path from 'node:path';
import { link, rename, stat } from 'node:fs/promises';
import { HyperfileError, systemCode } from '../base/error.ts';
import type { Listener, Progress } from '../base/events.ts';
import { runTool } from '../base/process.ts';
import { openSession } from '../base/session.ts';
import { createRawDisk } from '../disk/file-disk.ts';
import type { Store } from '../store/store.ts';
import { openChain } from '../vhdx/chain.ts';
import { copyWhole, flatten, type FlattenOptions } from './flatten.ts';
import { systemError } from './system-error.ts';

export interface ExportOptions {
  readonly name: string;
  /** Its ending chooses the format. */
  readonly output: string;
}

export interface ExportIo {
  readonly store: Store;
  readonly signal: AbortSignal;
  readonly onProgress: Listener<Progress>;
}

export interface ExportResult {
  readonly path: string;
  /** What the file occupies. */
  readonly allocatedBytes: number;
}

type Writer = (chain: readonly string[], target: string, options: FlattenOptions) => Promise<void>;

const WRITERS: Readonly<Record<string, Writer>> = {
  '.vhdx': flatten,
  '.raw': flattenRaw,
  '.img': flattenRaw,
  '.qcow2': (chain, target, options) => viaQemu(chain, target, 'qcow2', options),
  '.vhd': (chain, target, options) => viaQemu(chain, target, 'vpc', options),
};
const ALLOCATION_UNIT_BYTES = 512;

/**
 * The output appears whole under its name or not at all.
 *
 * @throws HyperfileError BUILD_EXPORT_FORMAT, BUILD_OUTPUT_EXISTS, BUILD_OUTPUT_FOLDER, STORE_IMAGE_NOT_FOUND,
 *   DISK_FULL, INTERRUPTED
 */
export async function exportImage({ name, output }: ExportOptions, io: ExportIo): Promise<ExportResult> {
  const target = path.resolve(output);
  const write = WRITERS[path.extname(target).toLowerCase()];
  if (!write) throw new HyperfileError('BUILD_EXPORT_FORMAT', { data: { path: output } });
  if (await stat(target).catch(() => undefined))
    throw new HyperfileError('BUILD_OUTPUT_EXISTS', { data: { path: output } });
  const folder = path.dirname(target);
  const found = await stat(folder).catch(() => undefined);
  if (!found?.isDirectory()) throw new HyperfileError('BUILD_OUTPUT_FOLDER', { data: { folder } });
  const lease = await io.store.lease();
  try {
    const image = await io.store.image(name);
    await lease.add(image.config.layers);
    const chain = io.store.chainPaths(image.config.layers);
    await writeBeside(target, io.store, (partial) => write(chain, partial, io));
    const { blocks } = await stat(target);
    return { path: target, allocatedBytes: blocks * ALLOCATION_UNIT_BYTES };
  } catch (error) {
    throw systemError(error);
  } finally {
    lease.release();
  }
}

/** Writes under another name beside the target, so that a half-written disk never has the target's name. */
async function writeBeside(
  target: string,
  store: Store,
  write: (partial: string) => Promise<void>,
): Promise<void> {
  const session = openSession(store.root);
  const partial = path.join(path.dirname(target), `.hyperfile-export-${path.basename(session.folder)}`);
  const files = [partial, flatName(partial)];
  try {
    for (const file of files) session.claim(file);
    await write(partial);
    await publish(partial, target);
  } finally {
    for (const file of files) session.discard(file);
    session.close();
  }
}

/** What qemu-img converts from lies beside what it writes. */
function flatName(partial: string): string {
  return `${partial}.flat.vhdx`;
}

/** A link never replaces what somebody else put there meanwhile; where links are missing, a rename has to do. */
async function publish(partial: string, target: string): Promise<void> {
  try {
    await link(partial, target);
  } catch (error) {
    if (systemCode(error) === 'EEXIST')
      throw new HyperfileError('BUILD_OUTPUT_EXISTS', { data: { path: target } });
    await rename(partial, target);
  }
}

async function flattenRaw(chain: readonly string[], target: string, options: FlattenOptions): Promise<void> {
  const source = openChain(chain);
  try {
    await copyWhole(source, createRawDisk(target, source.sizeBytes), options);
  } finally {
    source.close();
  }
}

async function viaQemu(
  chain: readonly string[],
  target: string,
  format: string,
  options: FlattenOptions,
): Promise<void> {
  const flat = flatName(target);
  await flatten(chain, flat, options);
  // Without force_size, the VHD driver rounds the disk to a geometry that no partition table was made for.
  const exact = format === 'vpc' ? ['-o', 'subformat=dynamic,force_size=on'] : [];
  await runTool('qemu-img', ['convert', '-f', 'vhdx', '-O', format, ...exact, flat, target], {
    signal: options.signal,
    endsWithUs: true,
  });
}
