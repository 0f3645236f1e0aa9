/**
 * What the store remembers of its layers' form outside: the blobs once made of each, and the repositories that have
 * them. So nothing is packed or sent twice; losing it only costs packing again.
 */
import { replaceFileDurably } from '../base/atomic-file.ts';
import { HyperfileError } from '../base/error.ts';
import { isDigest } from '../oci/digest.ts';
import type { FileExtent, LayerBlob, LayerForm } from '../oci/layer-form.ts';
import { layerFormFile, type Layout } from './layout.ts';
import { accessError, parseRecord, readIfThere } from './read.ts';

/** A layer's form and where its blobs are known to be. */
export interface KnownForm {
  readonly form: LayerForm;
  /** Names (`host/path`) of repositories that have the blobs, the latest first. */
  readonly places: readonly string[];
}

/** Enough for the registries that one project uses; a mount is tried from each of the same host. */
const MAX_PLACES = 8;

/** Undefined too when the form is damaged or is not that of a file of this length. */
export function readForm(layout: Layout, id: string, fileBytes: number): KnownForm | undefined {
  const text = readIfThere(layerFormFile(layout, id));
  const known = text === undefined ? undefined : asKnownForm(parseRecord(text), id);
  return known?.form.sizeBytes === fileBytes ? known : undefined;
}

/** Remembers a form durably, in the place of another. @throws HyperfileError DISK_FULL, STORE_ACCESS */
export async function writeForm(layout: Layout, id: string, known: KnownForm): Promise<void> {
  const file = layerFormFile(layout, id);
  const text = JSON.stringify({ id, form: known.form, places: known.places.slice(0, MAX_PLACES) });
  if (readIfThere(file) === text) return;
  try {
    await replaceFileDurably(file, text);
  } catch (error) {
    throw accessError(file, error);
  }
}

/** A form that is there and of no use. */
export function findDamagedForm(layout: Layout, id: string, fileBytes: number): HyperfileError | undefined {
  if (readIfThere(layerFormFile(layout, id)) === undefined) return undefined;
  if (readForm(layout, id, fileBytes) !== undefined) return undefined;
  return new HyperfileError('STORE_FORM_DAMAGED', { data: { layer: id } });
}

function asKnownForm(value: Record<string, unknown> | undefined, id: string): KnownForm | undefined {
  if (value?.id !== id || !isForm(value.form)) return undefined;
  const places = Array.isArray(value.places) ? value.places : [];
  return { form: value.form, places: places.filter((place) => typeof place === 'string') };
}

function isForm(value: unknown): value is LayerForm {
  const form = value as Partial<LayerForm> | null | undefined;
  if (typeof form !== 'object' || form === null) return false;
  if (!isDigestText(form.digest) || !isSize(form.sizeBytes)) return false;
  if (!Array.isArray(form.blobs) || form.blobs.length === 0 || !form.blobs.every(isBlob)) return false;
  return (
    form.headExtents === undefined || (Array.isArray(form.headExtents) && form.headExtents.every(isExtent))
  );
}

function isBlob(value: unknown): value is LayerBlob {
  const blob = value as Partial<LayerBlob> | null;
  return (
    typeof blob === 'object' &&
    blob !== null &&
    ['whole', 'head', 'window'].includes(blob.kind ?? '') &&
    [blob.digest, blob.contentDigest, blob.tablesDigest].every(isDigestText) &&
    [blob.sizeBytes, blob.contentBytes, blob.tablesBytes].every(isSize) &&
    (blob.kind === 'window' ? isSize(blob.windowIndex) : blob.windowIndex === undefined)
  );
}

function isExtent(value: unknown): value is FileExtent {
  const extent = value as Partial<FileExtent> | null;
  return typeof extent === 'object' && extent !== null && isSize(extent.fileOffset) && isSize(extent.length);
}

function isDigestText(value: unknown): boolean {
  return typeof value === 'string' && isDigest(value);
}

function isSize(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
