/** The form of a layer: made from its blobs when it is packed, and checked before a byte of it is fetched. */
import { HyperfileError } from '../base/error.ts';
import { isDigest, type Digest } from '../oci/digest.ts';
import { cutLayerDigest } from '../oci/layer-descriptors.ts';
import type { LayerBlob, LayerForm } from '../oci/layer-form.ts';
import { MAX_DISK_BYTES, MAX_FILE_BYTES } from '../vhdx/format.ts';
import { frameCount, MAX_COMPRESSED_BYTES } from './frames.ts';
import { fileBytesOf, lengthOf, WINDOW_BYTES, type LayerPart } from './parts.ts';
import { tablesLength } from './tables.ts';

/** Keeps what is remembered of a blob's frames while it is unpacked below 100 MiB. */
const MAX_CONTENT_BYTES = 2 ** 40;

/** The form of a layer from its parts and their blobs, in the same order. */
export function formOf(
  vhdxPath: string,
  parts: readonly LayerPart[],
  blobs: readonly LayerBlob[],
): LayerForm {
  const [first] = parts;
  return {
    digest: identityOf(blobs),
    sizeBytes: fileBytesOf(vhdxPath),
    blobs,
    ...(first?.kind === 'head' && { headExtents: first.extents }),
  };
}

/** See {@link LayerForm.digest}. */
function identityOf(blobs: readonly LayerBlob[]): Digest {
  const [first] = blobs;
  if (first?.kind === 'whole') return first.contentDigest;
  return cutLayerDigest(blobs.map(({ contentDigest }) => contentDigest));
}

/**
 * Checks that what is announced of a layer can be true, as far as that can be told without its bytes.
 *
 * @throws HyperfileError BLOB_FORM_INVALID
 */
export function checkForm(form: LayerForm, windowBytes: number = WINDOW_BYTES): void {
  const problem = formProblem(form, windowBytes);
  if (problem !== undefined) throw new HyperfileError('BLOB_FORM_INVALID', { data: { problem } });
}

function formProblem(form: LayerForm, windowBytes: number): string | undefined {
  const { sizeBytes, blobs } = form;
  if (!isCount(sizeBytes, MAX_FILE_BYTES)) return `a file of ${sizeBytes} bytes`;
  for (const blob of blobs) {
    const problem = blobProblem(blob);
    if (problem !== undefined) return problem;
  }
  const [first, ...others] = blobs;
  if (first === undefined) return 'it has no parts';
  const problem =
    first.kind === 'whole' ? wholeProblem(form, first, others) : cutProblem(form, first, others, windowBytes);
  return problem ?? (identityOf(blobs) === form.digest ? undefined : 'its digest is not that of its parts');
}

/** What cannot be true of a single blob. */
export function blobProblem(blob: LayerBlob): string | undefined {
  const { digest, sizeBytes, contentDigest, contentBytes, tablesDigest, tablesBytes } = blob;
  if (![digest, contentDigest, tablesDigest].every(isDigest)) return `a digest of ${digest} is none`;
  if (!isCount(contentBytes, MAX_CONTENT_BYTES)) return `${digest} holds ${contentBytes} bytes`;
  const frames = frameCount(contentBytes);
  if (tablesBytes !== tablesLength(frames)) return `${digest} has tables of ${tablesBytes} bytes`;
  if (!isCount(sizeBytes - tablesBytes, frames * MAX_COMPRESSED_BYTES))
    return `${digest} is ${sizeBytes} bytes long`;
  return undefined;
}

function wholeProblem(
  { sizeBytes, headExtents }: LayerForm,
  whole: LayerBlob,
  others: readonly LayerBlob[],
): string | undefined {
  if (others.length > 0 || headExtents !== undefined) return 'it is whole and cut';
  if (whole.contentBytes !== sizeBytes) return `${whole.contentBytes} of ${sizeBytes} bytes are there`;
  return undefined;
}

function cutProblem(
  form: LayerForm,
  head: LayerBlob,
  windows: readonly LayerBlob[],
  windowBytes: number,
): string | undefined {
  if (head.kind !== 'head') return 'its first part is no head';
  let previous = -1;
  for (const { kind, windowIndex } of windows) {
    if (kind !== 'window') return `there is a ${kind} among its windows`;
    if (windowIndex === undefined || !isCount(windowIndex + 1, MAX_DISK_BYTES / windowBytes))
      return 'a window lies nowhere';
    if (windowIndex <= previous) return 'its windows are not in the order of the disk';
    previous = windowIndex;
  }
  const total = [head, ...windows].reduce((sum, { contentBytes }) => sum + contentBytes, 0);
  if (total > form.sizeBytes) return `its parts hold ${total} bytes, its file ${form.sizeBytes}`;
  return headProblem(form, head);
}

function headProblem({ sizeBytes, headExtents }: LayerForm, head: LayerBlob): string | undefined {
  if (headExtents === undefined) return 'nothing says where its head lies';
  let end = 0;
  for (const { fileOffset, length } of headExtents) {
    if (!isCount(fileOffset + 1, sizeBytes) || fileOffset < end) return 'its head overlaps itself';
    if (!isCount(length, sizeBytes - fileOffset)) return 'its head does not lie in the file';
    end = fileOffset + length;
  }
  const length = lengthOf(headExtents);
  return length === head.contentBytes
    ? undefined
    : `its head has ${head.contentBytes} bytes in room for ${length}`;
}

function isCount(value: number, limit: number): boolean {
  return Number.isSafeInteger(value) && value >= 1 && value <= limit;
}
