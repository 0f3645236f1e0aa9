/** Flattens an image into one disk of the host: `.vhdx`, `.vhd`, `.vmdk`, `.qcow2`, `.raw` or `.img`. */
import path from 'node:path';
import { stat } from 'node:fs/promises';
import { allocatedBytes } from '../base/allocated-bytes.ts';
import type { Listener, Progress } from '../base/events.ts';
import { openSession } from '../base/session.ts';
import { convertDisk } from '../convert/convert.ts';
import { formatOfName } from '../convert/formats.ts';
import type { Store } from '../store/store.ts';

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

/**
 * The output appears whole under its name or not at all.
 *
 * @throws HyperfileError DISK_FORMAT_UNKNOWN, OUTPUT_EXISTS, OUTPUT_FOLDER, STORE_IMAGE_NOT_FOUND, DISK_FULL,
 *   TOOL_MISSING, TOOL_FAILED, INTERRUPTED
 */
export async function exportImage({ name, output }: ExportOptions, io: ExportIo): Promise<ExportResult> {
  const target = path.resolve(output);
  const format = formatOfName(output);
  const lease = await io.store.lease();
  const session = openSession(io.store.root);
  try {
    const image = await io.store.image(name);
    await lease.add(image.config.layers);
    const chain = io.store.chainPaths(image.config.layers);
    await convertDisk({ format: 'vhdx', path: chain }, target, { format }, io, { session });
    return { path: target, allocatedBytes: allocatedBytes(await stat(target)) };
  } finally {
    session.close();
    lease.release();
  }
}
