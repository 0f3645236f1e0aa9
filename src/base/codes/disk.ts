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
