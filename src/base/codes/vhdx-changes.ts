import { errorTable } from '../error-entry.ts';

/** The error codes of `vhdx` about changing finished files. */
export const vhdxChangeCodes = errorTable({
  VHDX_IN_USE: {
    exit: 4,
    message: '{path} is being changed by process {pid}',
    why: 'Two programs that change one disk file at the same time would destroy it.',
    todo: 'Wait until that process has finished.',
  },
  VHDX_HAS_CHILDREN: {
    exit: 4,
    message: 'other disks stand on {path}: {children}',
    why: 'A differencing disk is worthless once the disk below it holds other data than when it was made.',
    todo: 'Change the topmost disk, or say --force if those disks may be lost.',
  },
  VHDX_LAYER_OF_STORE: {
    exit: 4,
    message: '{path} is a layer of the store {store}',
    why: 'Layers never change: images and cache records name them by what they hold.',
    todo: 'Make a disk of your own with `hyperfile export`, or a difference with `hyperfile disk create --parent`.',
  },
  VHDX_NO_PARENT: {
    exit: 2,
    message: '{path} has no parent',
    why: 'Merging and setting the parent are for differencing disks; this disk stands alone.',
    todo: 'Name a differencing disk; `hyperfile disk info` shows what a file is.',
  },
  VHDX_METADATA_FULL: {
    exit: 4,
    message: 'the metadata of {path} have no room for {bytes} bytes more',
    why: 'The region that describes the disk is full, and moving it is not supported.',
    todo: 'Convert the disk with `hyperfile disk convert`; the copy has room.',
  },
  VHDX_SHRINKS: {
    exit: 2,
    message: '{path} would shrink from {from} to {to} bytes',
    why: 'What lies behind the new end is lost.',
    todo: 'Say --shrink if that is what you want.',
  },
  VHDX_PARTITION_LOST: {
    exit: 4,
    message: 'a partition of {path} goes on to byte {end}, past the new end at {to}',
    why: 'A disk must not become smaller than what its partition table says is on it.',
    todo: 'Shrink the file system and its partition in the guest first, or choose a larger size.',
  },
  VHDX_MERGE_SIZES: {
    exit: 4,
    message: '{path} is smaller than its parent: merging would cut the parent from {from} to {to} bytes',
    why: 'The merged disk takes the size of the difference; what the parent has more would be lost.',
    todo: 'Make the difference larger with `hyperfile disk resize` first.',
  },
});
