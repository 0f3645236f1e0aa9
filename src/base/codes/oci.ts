import { errorTable } from '../error-entry.ts';

/** The error codes of `oci`: manifests, blobs, and the folders and archives that hold them. */
export const ociCodes = errorTable({
  OCI_MANIFEST_TOO_LARGE: {
    exit: 4,
    message: 'the manifest of {name} is longer than {limitBytes} bytes',
    why: 'A manifest only lists digests and sizes; registries take at most 4 MiB, so that nobody has to read more.',
    todo: 'Check that the name is right: what it stands for is no image.',
  },
  OCI_MANIFEST_INVALID: {
    exit: 4,
    message: 'the manifest of {name} makes no sense: {reason}',
    why: 'The manifest does not follow the OCI image specification, or is of a kind that is not known.',
    todo: 'Check that the name is right; if it is, build or copy the image again.',
  },
  OCI_DIGEST_UNSUPPORTED: {
    exit: 4,
    message: '{name} is named by a digest that cannot be checked: {digest}',
    why: 'Content is only taken when its digest can be checked, and only SHA-256 is known.',
    todo: 'Copy the image with a tool that names its content by SHA-256, or ask for it by tag.',
  },
  OCI_DIGEST_MISMATCH: {
    exit: 4,
    message: '{name} is not what its digest says: expected {expected}, found {found}',
    why: 'The bytes were changed on the way or where they are kept, by accident or on purpose. They were not used.',
    todo: 'Try again; if it stays, push or save the image again from where it is whole.',
  },
  OCI_SIZE_MISMATCH: {
    exit: 4,
    message: '{name} does not have the {expected} bytes that were announced, but {found}',
    why: 'The bytes end too soon or go on for too long: a transfer broke off, or the announced size is a lie.',
    todo: 'Try again; if it stays, push or save the image again from where it is whole.',
  },
  OCI_BLOB_MISSING: {
    exit: 4,
    message: '{name} does not have the blob {digest}',
    why: 'A manifest names a blob that is not beside it: it was deleted, or the image was copied in part only.',
    todo: 'Push or save the image again from where it is whole.',
  },
  OCI_BLOB_TOO_LARGE: {
    exit: 4,
    message: 'the blob {digest} of {name} is longer than the {limitBytes} bytes that make sense for it',
    why: 'What describes an image is read into memory whole, so its announced length has a limit.',
    todo: 'Check that the name is right: what it stands for is no image.',
  },
  OCI_IMAGE_INVALID: {
    exit: 4,
    message: 'the image {name} makes no sense: {reason}',
    why: 'Manifest and description of an image from elsewhere must agree with each other and with the form that docs/registry.md specifies.',
    todo: 'Push or save the image again from where it is whole; if a newer Hyperfile made it, update this one.',
  },
  OCI_RECORD_INVALID: {
    exit: 4,
    message: 'the cache record {name} makes no sense: {reason}',
    why: 'Manifest and content of a cache record must agree with each other and with the form that docs/registry.md specifies.',
    todo: 'Delete the record, for example with `hyperfile cache prune`; the next build makes it again.',
  },
  OCI_PLATFORM_MISSING: {
    exit: 6,
    message: '{name} has no image for {platform}; there is {available}',
    why: 'The name stands for an index of images for several platforms, and none of them fits.',
    todo: 'Choose one that is there with --platform (in a recipe: FROM --platform=...), or another name.',
  },
  OCI_LOCATION_INVALID: {
    exit: 2,
    message: '"{location}" is not a place for images: {reason}',
    why: 'A place is a name in a registry, a folder with an OCI layout, or an archive.',
    todo: 'Write NAME[:TAG], docker://NAME[:TAG], oci:FOLDER[:TAG], oci-archive:FILE[:TAG] or docker-archive:FILE[:NAME].',
  },
  OCI_LAYOUT_INVALID: {
    exit: 4,
    message: '{name} is not an OCI layout: {reason}',
    why: 'A folder of images holds a file `oci-layout`, a file `index.json` and the blobs under their digests, and no links.',
    todo: 'Check that this is the right folder; if it is, save the image again.',
  },
  OCI_READ_ONLY: {
    exit: 2,
    message: 'nothing can be written to {name}',
    why: 'Archives of images are written whole or only read.',
    todo: 'Write to a registry, an OCI folder (oci:FOLDER) or a new archive (oci-archive:FILE).',
  },
  OCI_ACCESS: {
    exit: 5,
    message: 'cannot use {path}: {reason}',
    why: 'The file or folder cannot be read or written by this user, or is not there.',
    todo: 'Check the path and the permissions.',
  },
  OCI_ARCHIVE_INVALID: {
    exit: 4,
    message: '{name} is not an archive of images: {reason}',
    why: 'Such an archive is a tar, perhaps compressed, of an OCI layout or of what `docker save` writes.',
    todo: 'Check that this is the right file; if it is, save the image again.',
  },
});
