import { errorTable } from '../error-entry.ts';

/** The error codes of `disk`. */
export const diskCodes = errorTable({
  DISK_NOT_FOUND: {
    exit: 4,
    message: 'there is no disk file {path}',
    why: 'A disk, or a layer that another disk stands on, is not where it was said to be.',
    todo: 'Check the path; a layer that was deleted from the store has to be built or pulled again.',
  },
  DISK_NOT_A_FILE: {
    exit: 4,
    message: '{path} is not a regular file',
    why: 'A disk must be a file; this is a directory, a device, a pipe or something else.',
    todo: 'Name the disk file itself.',
  },
  DISK_UNUSABLE: {
    exit: 4,
    message: '{path} is not a disk image that Hyperfile can read: {reason}',
    why: 'A disk must be a whole VHDX, VHD, VMDK, qcow2 or raw image that holds all its data itself; to be a base, its partitions must hold a system.',
    todo: 'Check the file: it may be cut short, or be something else.',
  },
  DISK_FORMAT_UNKNOWN: {
    exit: 2,
    message: 'the name {path} does not say which disk format it is to have',
    why: 'The ending of a new disk chooses its format: .vhdx, .avhdx, .vhd, .qcow2, .vmdk, .raw or .img.',
    todo: 'End the name in .vhdx, .avhdx, .vhd, .qcow2, .vmdk, .raw or .img.',
  },
  DISK_FORMAT_OPTION: {
    exit: 2,
    message: '{option} does not go with the format {format}',
    why: 'Only VHDX files have blocks of a size to choose; only VHDX, VHD and raw disks can have all their space reserved.',
    todo: 'Leave the option out, or choose another format.',
  },
  DISK_EXISTS: {
    exit: 4,
    message: '{path} exists already',
    why: 'A new disk is never written over an existing file.',
    todo: 'Choose another name, or delete the file.',
  },
  DISK_IO: {
    exit: 4,
    message: 'cannot {action} {path}: {problem}',
    why: 'The system refused to open, read or write a disk file, or its storage failed.',
    todo: 'Check the rights on the file and the health of the disk that holds it.',
  },
  DISK_CUT_SHORT: {
    exit: 4,
    message: '{path} ends before byte {end}, where its data should go on',
    why: 'The file is shorter than its own tables say: a copy or a download stopped early.',
    todo: 'Get the file again.',
  },
  DISK_OUT_OF_RANGE: {
    exit: 4,
    message: 'bytes {offset} to {end} do not lie on a disk of {size} bytes',
    why: 'Something asked for data past the end of a virtual disk, for example a partition larger than its disk.',
    todo: 'Check the partition table of the disk.',
  },
  DISK_READ_ONLY: {
    exit: 4,
    message: '{path} is finished and cannot be written any more',
    why: 'A sealed layer never changes: layers above it depend on every byte.',
    todo: 'Make a new difference on top of it and write there.',
  },
});
