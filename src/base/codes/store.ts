import { errorTable } from '../error-entry.ts';

/** The error codes of `store` and of image names. */
export const storeCodes = errorTable({
  STORE_NAME_INVALID: {
    exit: 2,
    message: '"{name}" is not an image name: {reason}',
    why: "Image names follow the same grammar as Docker's: [host[:port]/]path[:tag][@digest], the path in lower case.",
    todo: 'Write a name like `web`, `team/web:1.2` or `host.example:5000/team/web:1.2`.',
  },
  STORE_IMAGE_NOT_FOUND: {
    exit: 1,
    message: 'there is no image "{name}" in the store',
    why: 'No image of the store has this name, this id, or an id that starts like this.',
    todo: 'List the images with `hyperfile images`, or build or import it first.',
  },
  STORE_ID_AMBIGUOUS: {
    exit: 2,
    message: 'the id "{name}" fits more than one image: {ids}',
    why: 'A shortened image id must fit exactly one image.',
    todo: 'Write more digits of the id.',
  },
  STORE_IMAGE_IN_USE: {
    exit: 1,
    message: 'image {name} has several names: {names}',
    why: 'Removing an image by its id would take all of these names away.',
    todo: 'Remove the names one by one, or use --force.',
  },
  STORE_IMAGE_DAMAGED: {
    exit: 4,
    message: 'the image {image} is damaged: {reason}',
    why: 'An image is kept under the digest of its description; the description no longer has that digest.',
    todo: 'Build or import it again under the same name, or remove it with `hyperfile rmi`.',
  },
  STORE_LAYER_MISSING: {
    exit: 4,
    message: 'layer {layer} is not in the store',
    why: 'An image or a layer names a layer whose file or record is gone: it was deleted by hand, or a crash took it.',
    todo: 'Run `hyperfile prune`, then build again with --no-cache or import the base again.',
  },
  STORE_LAYER_DAMAGED: {
    exit: 4,
    message: 'layer {layer} is damaged: {reason}',
    why: 'The record of a sealed layer and its file do not agree, or the record cannot be read.',
    todo: 'Run `hyperfile prune`, then build again with --no-cache or import the base again.',
  },
  STORE_FORM_DAMAGED: {
    exit: 4,
    message: 'what is remembered of the packed form of layer {layer} cannot be used',
    why: 'Beside each layer that was pushed or pulled lies a note of the blobs made of it; this one is torn or of another file.',
    todo: 'Run `hyperfile prune`, which removes the note: the layer is whole, and the next push only packs it again.',
  },
  STORE_NEWER: {
    exit: 5,
    message: 'the store {path} has format {found}; this version of Hyperfile knows up to {known}',
    why: 'A newer Hyperfile made or upgraded this store.',
    todo: 'Use the newer Hyperfile, or another store with HYPERFILE_STORE.',
  },
  STORE_VERSION_DAMAGED: {
    exit: 4,
    message: "the store's version file {path} does not hold a version number",
    why: 'Every store says its format in this file; something else was written there.',
    todo: 'If this folder is a Hyperfile store, write the single line `1` to the file; else set HYPERFILE_STORE.',
  },
  STORE_NOT_A_STORE: {
    exit: 2,
    message: '{path} is not empty and is not a Hyperfile store (it holds "{found}")',
    why: 'A store is only made in a folder that is new or empty, so that it never mixes with other files.',
    todo: 'Set HYPERFILE_STORE to another folder.',
  },
  STORE_ACCESS: {
    exit: 5,
    message: 'cannot use the store {path}: {reason}',
    why: "The store's folder or a file in it cannot be read or written by this user.",
    todo: 'Run the command as the user who owns the store (root for builds), or set HYPERFILE_STORE.',
  },
});
