import { errorTable } from '../error-entry.ts';

/** The error codes of `transfer`. */
export const transferCodes = errorTable({
  TRANSFER_CONCURRENCY_INVALID: {
    exit: 2,
    message: '"{value}" is not a number of transfers that may run at the same time',
    why: 'HYPERFILE_CONCURRENCY says how many blobs move side by side: a whole number from 1 to 64.',
    todo: 'Set it to a number like 4, or leave it unset.',
  },
  TRANSFER_IMAGE_NOT_FOUND: {
    exit: 6,
    message: '{name} has no image "{reference}"',
    why: 'The place answers, but it knows no such tag or digest.',
    todo: 'List what it has with `hyperfile tags {name}`; check the spelling of the tag.',
  },
  TRANSFER_NOT_AN_IMAGE: {
    exit: 4,
    message: '{name} is {kind}, not an image of a machine or a container',
    why: 'Registries hold many kinds of things; only images of Hyperfile and container images can be used here.',
    todo: 'Name another tag or digest.',
  },
  TRANSFER_CONTAINER_IMAGE: {
    exit: 2,
    message: '{name} is a container image',
    why: 'A container image has no disk; one is made of it when a recipe starts FROM it or when it is imported.',
    todo: 'Write it after FROM in a recipe, or run `hyperfile import`.',
  },
  TRANSFER_CHAIN_INVALID: {
    exit: 4,
    message: 'the layers of {name} do not stand on each other: {reason}',
    why: 'Each layer names the one below it; what this image says of its layers cannot be right.',
    todo: 'Ask whoever pushed it to push it again; nothing of it was kept.',
  },
  TRANSFER_LAYER_CONFLICT: {
    exit: 4,
    message: 'layer {layer} of {name} is not the layer of that id in the store',
    why: 'The id of a layer stands for its bytes for ever; one of the two was changed, by accident or on purpose.',
    todo: 'Remove the images that hold the local one (`hyperfile rmi`, `hyperfile prune --all`) if you trust the other.',
  },
  TRANSFER_NOTHING_NAMED: {
    exit: 2,
    message: '{name} names no image',
    why: 'An archive or folder says by name which images it holds; this one has no name in it.',
    todo: 'Name one: `hyperfile load --name NAME`, or copy it by its digest.',
  },
});
