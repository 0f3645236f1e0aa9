/** What the tests of blobs share: folders, real layers, a round trip. */
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { isHyperfileError } from '../../src/base/error.ts';
import { formOf } from '../../src/blob/form.ts';
import { LayerWriter } from '../../src/blob/layer-writer.ts';
import { packPart, type PackOptions } from '../../src/blob/pack-part.ts';
import { planParts, type PartSizes } from '../../src/blob/parts.ts';
import type { LayerBlob, LayerForm } from '../../src/oci/layer-form.ts';
import { createDisk } from '../../src/vhdx/sandbox.ts';

export const MIB = 1024 * 1024;
/** Everything is cut, at every four blocks. */
export const TINY = { cutLimitBytes: 0, windowBytes: 4 * MIB };

/** A fresh folder, removed when the test ends. */
export function scratchFolder(): string {
  const folder = fs.mkdtempSync(path.join(tmpdir(), 'hyperfile-blob-'));
  onTestFinished(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Bytes that do not compress, the same for the same seed. */
export function noise(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed * 2654435761 + 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 16;
  }
  return bytes;
}

/** The code of the error that something ends with. */
export async function codeOf(body: () => unknown): Promise<string | undefined> {
  try {
    await body();
    return undefined;
  } catch (error) {
    if (isHyperfileError(error)) return error.code;
    throw error;
  }
}

/** A base with data here and there, and a difference on it with whole, partial and zero blocks. */
export function makeChain(folder: string): { base: string; child: string } {
  const [base, child] = ['base.vhdx', 'child.vhdx'].map((name) => path.join(folder, name));
  const disk = createDisk(base, { sizeBytes: 24 * MIB });
  disk.write(noise(3 * MIB, 1), 9 * MIB);
  disk.write(noise(8192, 2), 2 * MIB);
  disk.write(Buffer.alloc(2 * MIB, 'text '), 17 * MIB);
  disk.seal(child);
  disk.write(noise(MIB, 3), 10 * MIB);
  disk.write(noise(4096, 4), 20 * MIB + 8192);
  disk.zero(17 * MIB, MIB);
  disk.write(noise(512, 5), 0);
  disk.seal();
  disk.close();
  return { base, child };
}

export interface PackedLayer {
  readonly form: LayerForm;
  /** The file of each blob. */
  readonly files: ReadonlyMap<LayerBlob, string>;
}

/** Packs a layer into a folder of its own. */
export async function packLayer(
  vhdxPath: string,
  sizes: PartSizes = {},
  options: PackOptions = {},
): Promise<PackedLayer> {
  const folder = scratchFolder();
  const parts = planParts(vhdxPath, sizes);
  const files = new Map<LayerBlob, string>();
  for (const [index, part] of parts.entries()) {
    const file = path.join(folder, `${index}.blob`);
    files.set(await packPart(vhdxPath, part, file, options), file);
  }
  return { form: formOf(vhdxPath, parts, [...files.keys()]), files };
}

/** Bytes as a stream of pieces. */
export async function* inPieces(bytes: Uint8Array, pieceBytes = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    await Promise.resolve();
    yield bytes.subarray(at, at + pieceBytes);
  }
}

/** Writes a packed layer to `target`: the head, then all windows side by side, the last one first. */
export async function unpackLayer(
  { form, files }: PackedLayer,
  target: string,
  windowBytes?: number,
): Promise<void> {
  const writer = await LayerWriter.create(target, form, windowBytes === undefined ? {} : { windowBytes });
  const write = (blob: LayerBlob) => writer.write(blob, inPieces(fs.readFileSync(files.get(blob)!)));
  const [first, ...windows] = form.blobs;
  try {
    await Promise.all([first, ...windows.reverse()].map(write));
    await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

export function isSameFile(one: string, other: string): boolean {
  return fs.readFileSync(one).equals(fs.readFileSync(other));
}

export function allocatedBytes(file: string): number {
  return fs.statSync(file).blocks * 512;
}
