import { errorTable } from '../error-entry.ts';

const RESTORE = 'Restore the file from a copy.';
const GET_AGAIN = 'Get the file again.';
const REPAIR = '`hyperfile disk check --repair {path}` puts it right.';

/** The error codes of `vhdx` about whole files, their headers and logs, and chains; those of the tables are in vhdx-tables.ts. */
export const vhdxCodes = errorTable({
  VHDX_NOT_VHDX: {
    exit: 4,
    message: '{path} is not a VHDX file',
    why: 'The file does not begin with the signature of the format.',
    todo: 'Check that this is the right file. Disks of other kinds are converted when a recipe starts from them.',
  },
  VHDX_FILE_TOO_LARGE: {
    exit: 4,
    message: '{path} has {fileBytes} bytes, more than any VHDX needs',
    why: 'A disk of the largest size with all its tables takes half of that.',
    todo: 'Check that this is the right file.',
  },
  VHDX_CUT_SHORT: {
    exit: 4,
    message: '{path} is cut short: it ends at byte {fileBytes}, in the middle of its own tables',
    why: 'A copy or a download of the file stopped early.',
    todo: GET_AGAIN,
  },
  VHDX_FILE_LENGTH: {
    exit: 4,
    message: '{path} has {fileBytes} bytes, which is not a whole number of megabytes',
    why: 'Everything in a VHDX lies on whole megabytes; a program that appends to the file may stumble.',
    todo: REPAIR,
  },
  VHDX_UNUSED_SPACE: {
    exit: 4,
    message: '{unusedBytes} bytes of {path} are in no use',
    why: 'Blocks were given back, and no new ones have taken their places yet.',
    todo: '`hyperfile disk compact {path}` makes the file smaller.',
  },

  VHDX_UNFINISHED: {
    exit: 4,
    message: '{path} was never finished',
    why: 'The program that was making this VHDX ended before it wrote the headers, so what it holds is unknown.',
    todo: 'Delete the file and make it again.',
  },
  VHDX_HEADERS_DAMAGED: {
    exit: 4,
    message: 'both headers of {path} are damaged',
    why: 'A VHDX holds two headers with checksums, of which at least one must be whole.',
    todo: RESTORE,
  },
  VHDX_HEADERS_AMBIGUOUS: {
    exit: 4,
    message: 'the two headers of {path} differ, and both claim to be the newer one',
    why: 'The header with the higher number counts; these have the same number, so nothing tells which to believe.',
    todo: RESTORE,
  },
  VHDX_HEADER_DAMAGED: {
    exit: 4,
    message: 'header {header} of {path} is damaged, only the other one is left',
    why: 'A VHDX holds two headers, so that one is always whole; a crash during a change may spoil the other.',
    todo: REPAIR,
  },
  VHDX_HEADERS_TWIN: {
    exit: 4,
    message: 'both headers of {path} have the same number',
    why: 'Some programs write one header twice; others refuse such a file, since neither header is the newer one.',
    todo: REPAIR,
  },
  VHDX_VERSION: {
    exit: 4,
    message: '{path} is of VHDX version {version}, this program reads version 1',
    why: 'The file was made by a newer program, or its header is damaged in a way its checksum does not show.',
    todo: 'Convert the disk with the program that made it.',
  },
  VHDX_LOG_VERSION: {
    exit: 4,
    message: '{path} has changes in a log of version {version}, this program reads version 0',
    why: 'Changes in the log must be applied before anything is read; they are in a form that is not known here.',
    todo: 'Attach the disk once with the program that wrote it, so that it is closed cleanly.',
  },
  VHDX_LOG_PLACE: {
    exit: 4,
    message: 'the log of {path} has an impossible place: {logLength} bytes at byte {logOffset}',
    why: 'A log lies on whole megabytes, behind the first one.',
    todo: RESTORE,
  },
  VHDX_LOG_ABSENT: {
    exit: 4,
    message: '{path} speaks of changes in its log, but has no log',
    why: 'The header names a log that is in use and has a length of zero.',
    todo: RESTORE,
  },
  VHDX_LOG_PAST_END: {
    exit: 4,
    message: 'the log of {path} lies past the end of the file',
    why: 'The file is shorter than its header says: a copy or a download stopped early.',
    todo: GET_AGAIN,
  },
  VHDX_LOG_TOO_LONG: {
    exit: 4,
    message: 'the log of {path} has {logLength} bytes, more than a log may have',
    why: 'The longest log that Windows accepts is 1 GiB; logs are usually of 1 MiB.',
    todo: RESTORE,
  },
  VHDX_LOG_NO_SEQUENCE: {
    exit: 4,
    message: '{path} was not closed cleanly, and its log holds no valid entry',
    why: 'What was being changed in the tables of the file when its program stopped is unknown: some of it may be lost.',
    todo: RESTORE,
  },
  VHDX_LOG_CUT_SHORT: {
    exit: 4,
    message: '{path} is cut short: it has {fileBytes} bytes, and had {flushedFileBytes} according to its log',
    why: 'A copy or a download of the file stopped early, or its end was lost in a crash.',
    todo: GET_AGAIN,
  },
  VHDX_LOG_NOT_EMPTY: {
    exit: 4,
    message: '{path} was not closed cleanly: its log holds changes that were not applied yet',
    why: 'The program that wrote to the disk stopped before it finished. Such a disk can be read, but not be passed on.',
    todo: '`hyperfile disk check --repair {path}` applies the changes, and so does Hyper-V when it attaches the disk.',
  },
  VHDX_LOG_UNUSED: {
    exit: 4,
    message: '{path} was not closed cleanly, but nothing was ever written to its log',
    why: 'The program that opened the disk stopped before its first change; strict readers refuse such a file.',
    todo: REPAIR,
  },

  VHDX_PARENT_NOT_FOUND: {
    exit: 4,
    message: 'the parent of {path} was not found; looked for {places}',
    why: 'A differencing disk holds only what changed; the disk below it is needed to read the rest.',
    todo: 'Put the parent beside the disk, under the name it had, or say where it is: `hyperfile disk rebase {path} --parent FILE`.',
  },
  VHDX_PARENT_MISMATCH: {
    exit: 4,
    message: '{parent} is not the parent that {path} was made on',
    why: 'The identity of the parent differs: it is another disk, or it was written to after the difference was made.',
    todo: 'Put back the parent as it was when the difference was made; a changed parent makes the difference useless.',
  },
  VHDX_PARENT_GEOMETRY: {
    exit: 4,
    message: '{path} has sectors of {sectorBytes} bytes, its parent {parent} of {parentSectorBytes}',
    why: 'All disks of a chain must have the same logical sector size.',
    todo: 'Make the difference again on this parent.',
  },
  VHDX_PARENT_PATH: {
    exit: 4,
    message: '{path} looks for its parent at {place}, but it is {parent}',
    why: 'The files were moved or renamed; the parent was found under another of its names.',
    todo: REPAIR,
  },
  VHDX_MERGE_INTERRUPTED: {
    exit: 4,
    message: '{path} was being merged into its parent, which was not finished',
    why: 'The disk accepts two identities of its parent, as it does only during a merge.',
    todo: 'Run `hyperfile disk merge {path}` again.',
  },
  VHDX_CHAIN_INCOMPLETE: {
    exit: 4,
    message: '{path} is a difference, but the list of layers ends there',
    why: 'The last layer of a chain must be a disk that stands alone.',
    todo: 'Name every layer down to the base.',
  },
  VHDX_CHAIN_TOO_LONG: {
    exit: 4,
    message: '{path} is a disk without a parent, but the list of layers goes on with {next}',
    why: 'A disk that stands alone ends a chain; nothing can lie below it.',
    todo: 'Name only the layers of one chain, the newest first.',
  },
  VHDX_CHAIN_CYCLE: {
    exit: 4,
    message: '{path} is its own ancestor',
    why: 'Following the parents leads back to a disk that was already passed.',
    todo: 'Restore the parent from a copy, or set the right one: `hyperfile disk rebase {path} --parent FILE`.',
  },
  VHDX_CHAIN_TOO_DEEP: {
    exit: 4,
    message: 'the chain of {path} has more than {limit} disks',
    why: 'Hyper-V and other readers stop at this depth.',
    todo: 'Flatten the image into one disk with `hyperfile export` and go on from there.',
  },
  VHDX_GEOMETRY: {
    exit: 2,
    message: 'a VHDX cannot be made like this: {problem}',
    why: 'The format limits disk sizes (64 TiB), block sizes (1 to 256 MiB) and sector sizes (512 or 4096).',
    todo: 'Choose a size within the limits.',
  },
});
