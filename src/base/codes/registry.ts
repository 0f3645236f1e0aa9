import { errorTable } from '../error-entry.ts';

/** The error codes of `registry`. */
export const registryCodes = errorTable({
  REGISTRY_ANSWER_INVALID: {
    exit: 6,
    message: 'the registry {registry} gave an answer for {name} that makes no sense: {reason}',
    why: 'The answer does not keep to the OCI distribution specification, so nothing in it can be relied on.',
    todo: 'Check that the host is a registry, and that no proxy on the way changes its answers.',
  },
  REGISTRY_TAG_INVALID: {
    exit: 2,
    message: '"{tag}" is not a tag ({name})',
    why: 'A tag has up to 128 letters, digits, underscores, dots and dashes, and begins with none of the last two.',
    todo: 'Write a tag like `latest` or `1.2-beta`.',
  },
  REGISTRY_BLOB_REFUSED: {
    exit: 6,
    message: '{name} did not take the blob {digest}: {reason}',
    why: 'The registry refused an upload for good: its size, its content or the repository do not suit it.',
    todo: 'Read the reason above; the limits of a registry are in its documentation.',
  },
  REGISTRY_MANIFEST_REFUSED: {
    exit: 6,
    message: '{name} did not take the manifest {digest}: {reason}',
    why: 'All blobs were there, but the registry refused what lists them: a tag that may not move, or too many layers.',
    todo: 'Read the reason above; push under another tag, or flatten the image into fewer layers.',
  },
  REGISTRY_TRANSFER_BROKEN: {
    exit: 6,
    message: 'the transfer of {digest} ({name}) broke {attempts} times without getting further: {reason}',
    why: 'The connection breaks or stalls again and again at the same place, on the way or in the registry.',
    todo: 'Try again later: what arrived in full is not transferred again.',
  },
});
