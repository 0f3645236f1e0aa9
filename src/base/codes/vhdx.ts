import { errorTable } from '../error-entry.ts';

/** The error codes of `vhdx`. */
export const vhdxCodes = errorTable({
  VHDX_NOT_VHDX: {
    exit: 4,
    message: '{path} is not a VHDX file',
    why: 'The file does not begin with the signature of the format.',
    todo: 'Check that this is the right file. Disks of other kinds are converted when a recipe starts from them.',
  },
  VHDX_UNFINISHED: {
    exit: 4,
    message: '{path} was never finished',
    why: 'The program that was making this VHDX ended before it wrote the headers, so what it holds is unknown.',
    todo: 'Delete the file and make it again.',
  },
  VHDX_HEADER_CORRUPT: {
    exit: 4,
    message: 'the headers of {path} are damaged: {problem}',
    why: 'A VHDX holds two headers with checksums; at least one must be whole, and it must be clear which is current.',
    todo: 'Restore the file from a copy.',
  },
  VHDX_VERSION: {
    exit: 4,
    message: '{path} is of VHDX version {version}, this program reads version 1',
    why: 'The file was made by a newer program, or its header is damaged in a way its checksum does not show.',
    todo: 'Convert the disk with the program that made it.',
  },
  VHDX_LOG_NOT_EMPTY: {
    exit: 4,
    message: '{path} was not closed cleanly: its log holds changes that were not applied yet',
    why: 'The program that wrote to the disk stopped before it finished, for example in a crash.',
    todo: 'Attach the disk once in Hyper-V (Mount-VHD, then Dismount-VHD), or run `qemu-img check -r all` on it.',
  },
  VHDX_REGION_CORRUPT: {
    exit: 4,
    message: 'the region table of {path} is damaged: {problem}',
    why: 'The region table says where everything else in a VHDX lies; without it the file cannot be read.',
    todo: 'Restore the file from a copy.',
  },
  VHDX_METADATA_CORRUPT: {
    exit: 4,
    message: 'the metadata of {path} is damaged: {problem}',
    why: 'Size, block size and sector sizes of the disk are kept there, and at least one does not make sense.',
    todo: 'Restore the file from a copy.',
  },
  VHDX_UNKNOWN_FEATURE: {
    exit: 4,
    message: '{path} uses a feature that is required and not known: {feature}',
    why: 'A VHDX may mark parts as required; a program that does not know such a part must not read the file.',
    todo: 'Convert the disk with the program that made it.',
  },
  VHDX_BAT_CORRUPT: {
    exit: 4,
    message: 'the block table of {path} is damaged: {problem}',
    why: 'The block allocation table says where every block lies; an impossible entry means that data is lost.',
    todo: 'Restore the file from a copy.',
  },
  VHDX_CUT_SHORT: {
    exit: 4,
    message: '{path} is cut short: {problem}',
    why: 'The file ends before the data that its tables speak of; a copy or a download stopped early.',
    todo: 'Get the file again.',
  },
  VHDX_LOCATOR_CORRUPT: {
    exit: 4,
    message: 'what {path} says about its parent is damaged: {problem}',
    why: 'A differencing disk names its parent by identity and path; these entries do not follow the format.',
    todo: 'Set the parent again, for example with `Set-VHD -ParentPath`, or restore the file.',
  },
  VHDX_PARENT_NOT_FOUND: {
    exit: 4,
    message: 'the parent of {path} was not found; looked for {places}',
    why: 'A differencing disk holds only what changed; the disk below it is needed to read the rest.',
    todo: 'Put the parent beside the disk, under the name it had.',
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
    todo: 'Restore the parent from a copy, or set the right one with `Set-VHD -ParentPath`.',
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
