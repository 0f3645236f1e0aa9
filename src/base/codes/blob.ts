import { errorTable } from '../error-entry.ts';

/** The error codes of `blob`: layers as they travel. */
export const blobCodes = errorTable({
  BLOB_FORM_INVALID: {
    exit: 4,
    message: 'what is said about the parts of a layer does not fit together: {problem}',
    why: 'Sizes, digests and kinds of the parts are announced before any of them moves, and these contradict each other.',
    todo: 'Push the image again; if it was pushed by another program, report it there.',
  },
  BLOB_CUT_SHORT: {
    exit: 4,
    message: 'the blob {blob} ends too soon: {problem}',
    why: 'The bytes end before the parts that were announced; a file or a transfer was cut.',
    todo: 'Try again; if it stays so, push the image again.',
  },
  BLOB_FRAME_DAMAGED: {
    exit: 4,
    message: 'frame {frame} of the blob {blob} is damaged: {problem}',
    why: 'A blob is made of frames that are compressed one by one; this one cannot be decompressed.',
    todo: 'Try again; if it stays so, push the image again.',
  },
  BLOB_FRAME_SIZE: {
    exit: 4,
    message: 'frame {frame} of the blob {blob} has the wrong size: {problem}',
    why: 'Every frame holds 1 MiB, the last one the rest. What is larger is refused before it can fill memory or disk.',
    todo: 'Do not use this image; whoever pushed it should push it again.',
  },
  BLOB_FRAME_DIGEST: {
    exit: 4,
    message: 'frame {frame} of the blob {blob} does not have the digest that was announced',
    why: 'A frame that is fetched alone is checked against the table at the end of its blob.',
    todo: 'Try again; if it stays so, push the image again.',
  },
  BLOB_TABLES_DAMAGED: {
    exit: 4,
    message: 'the tables at the end of the blob {blob} are damaged: {problem}',
    why: 'The tables say where each frame lies and what its digest is.',
    todo: 'Try again; if it stays so, push the image again.',
  },
  BLOB_CONTENT_DIGEST: {
    exit: 4,
    message: 'the blob {blob} does not decompress to the content that was announced',
    why: 'The SHA-256 of the content differs: something was changed, or announced wrongly.',
    todo: 'Do not use this image; whoever pushed it should push it again.',
  },
  BLOB_PLACEMENT: {
    exit: 4,
    message: "the block table of a layer does not fit the layer's parts: {problem}",
    why: 'The first part of a large layer says where the content of all others belongs.',
    todo: 'Do not use this image; whoever pushed it should push it again.',
  },
  BLOB_NOT_VHDX: {
    exit: 4,
    message: 'the layer {layer} is not a sound VHDX file: {problem}',
    why: 'A layer must be a VHDX whose tables are all in order; it is checked before anything uses it.',
    todo: 'Do not use this image; whoever pushed it should push it again.',
  },
  BLOB_PARENT_MISMATCH: {
    exit: 4,
    message: 'the layer {layer} was not made on the layer below it: {problem}',
    why: 'A differencing disk names its parent by file name and identity; both must be those of the layer below.',
    todo: 'Do not use this image; whoever pushed it should push it again.',
  },
});
