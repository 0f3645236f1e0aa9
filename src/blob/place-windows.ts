/** Where the windows of a cut layer go: told by the block table in its head, which may say anything. */
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import type { Bitmap } from '../bytes/bitmap.ts';
import type { FileExtent, LayerForm } from '../oci/layer-form.ts';
import { MIB } from '../vhdx/format.ts';
import { openCleanLayer, type Layer } from '../vhdx/layer.ts';
import { payloadOf, windowsOf } from './parts.ts';

/** The index of every window of the form, and the extents of its content. */
export type WindowPlaces = ReadonlyMap<number, readonly FileExtent[]>;

/**
 * Reads the tables of a file of which only the head is written, and holds them against the form.
 *
 * @throws HyperfileError BLOB_NOT_VHDX when the tables are not in order; BLOB_PLACEMENT when they contradict the form:
 *   blocks where the head lies, windows that were not announced, or that hold more or less
 */
export function placeWindows(path: string, form: LayerForm, windowBytes: number): WindowPlaces {
  const layer = openHead(path, form);
  try {
    refuseOverlap(payloadOf(layer), form.headExtents ?? []);
    return checkedWindows(layer, form, windowBytes);
  } finally {
    layer.file.close();
  }
}

function openHead(path: string, form: LayerForm): Layer {
  try {
    return openCleanLayer(path);
  } catch (error) {
    if (!isHyperfileError(error)) throw error;
    const data = { layer: form.digest, problem: error.message };
    throw new HyperfileError('BLOB_NOT_VHDX', { data, cause: error });
  }
}

function refuseOverlap(payload: Bitmap, head: readonly FileExtent[]): void {
  for (const { fileOffset, length } of head) {
    const [start, end] = [Math.floor(fileOffset / MIB), Math.ceil((fileOffset + length) / MIB)];
    for (const run of payload.runs(start, end))
      throw misplaced(`a block lies at byte ${run.start * MIB}, where the head is`);
  }
}

function checkedWindows(layer: Layer, form: LayerForm, windowBytes: number): WindowPlaces {
  const announced = new Map(
    form.blobs.flatMap(({ windowIndex, contentBytes }) =>
      windowIndex === undefined ? [] : [[windowIndex, contentBytes] as const],
    ),
  );
  const windows = windowsOf(layer, windowBytes);
  const places = new Map<number, readonly FileExtent[]>();
  for (const { windowIndex = -1, contentBytes, extents } of windows) {
    const expected = announced.get(windowIndex);
    if (expected === undefined) throw misplaced(`window ${windowIndex} was not announced`);
    if (expected !== contentBytes)
      throw misplaced(`window ${windowIndex} has room for ${contentBytes} bytes, not ${expected}`);
    places.set(windowIndex, extents);
  }
  if (places.size < announced.size) {
    const [missing] = [...announced.keys()].filter((index) => !places.has(index));
    throw misplaced(`window ${missing} has no place`);
  }
  return places;
}

function misplaced(problem: string): HyperfileError {
  return new HyperfileError('BLOB_PLACEMENT', { data: { problem } });
}
