import { errorTable } from '../error-entry.ts';

const RESTORE = 'Restore the file from a copy.';
const GET_AGAIN = 'Get the file again.';
const REPAIR = '`hyperfile disk check --repair {path}` puts it right.';
const SET_PARENT =
  'Say it anew with `hyperfile disk rebase FILE --parent PARENT`, on Windows also with `Set-VHD -ParentPath`, or restore the file.';
const CONVERT = 'Convert the disk with the program that made it.';

/** The error codes of `vhdx` about the tables inside a file, in the order in which they are read. */
export const vhdxTableCodes = errorTable({
  VHDX_REGION_TABLES_DAMAGED: {
    exit: 4,
    message: 'both region tables of {path} are damaged',
    why: 'The region table says where everything else in a VHDX lies; there are two copies with checksums.',
    todo: RESTORE,
  },
  VHDX_REGION_TABLE_DAMAGED: {
    exit: 4,
    message: 'region table {copy} of {path} is damaged, only the other copy is left',
    why: 'There are two copies with checksums; some programs read only the first, others want both.',
    todo: REPAIR,
  },
  VHDX_REGION_TABLES_DIFFER: {
    exit: 4,
    message: 'the two region tables of {path} differ; the first one counts',
    why: 'The second is a copy of the first; a crash in the middle of a change leaves the old copy.',
    todo: REPAIR,
  },
  VHDX_REGION_COUNT: {
    exit: 4,
    message: 'the region table of {path} has {count} entries, at most {limit} fit',
    why: 'The checksum of the table is right, so the program that wrote it has miscounted.',
    todo: RESTORE,
  },
  VHDX_REGION_RESERVED: {
    exit: 4,
    message: 'reserved bits are set in the region table of {path}',
    why: 'Bits that the format keeps for later must be zero; what they would mean is not known.',
    todo: CONVERT,
  },
  VHDX_REGION_DUPLICATE: {
    exit: 4,
    message: 'the region {region} of {path} is listed twice',
    why: 'Every region has one place; it is unclear which of the two is meant.',
    todo: RESTORE,
  },
  VHDX_REGION_PLACE: {
    exit: 4,
    message: 'the region {region} of {path} has an impossible place: {length} bytes at byte {offset}',
    why: 'A region lies on whole megabytes, behind the first one, and is not empty.',
    todo: RESTORE,
  },
  VHDX_REGION_PAST_END: {
    exit: 4,
    message: 'the region {region} lies past the end of {path}',
    why: 'The file is shorter than its region table says: a copy or a download stopped early.',
    todo: GET_AGAIN,
  },
  VHDX_REGION_UNKNOWN: {
    exit: 4,
    message: '{path} has a region that is required and not known: {region}',
    why: 'A VHDX may mark parts as required; a program that does not know such a part must not read the file.',
    todo: CONVERT,
  },
  VHDX_REGION_OPTIONAL: {
    exit: 4,
    message: 'the region {region} of {path} is not marked as required',
    why: 'No VHDX can be read without it; some programs leave the mark out.',
    todo: REPAIR,
  },
  VHDX_REGION_MISSING: {
    exit: 4,
    message: 'the region table of {path} does not list the {what}',
    why: 'Without its metadata and its block table a VHDX cannot be read.',
    todo: RESTORE,
  },
  VHDX_REGION_OVERLAP: {
    exit: 4,
    message: '{what} of {path} lies on top of something else',
    why: 'The log and the regions each need a place of their own in the file.',
    todo: RESTORE,
  },

  VHDX_METADATA_SIGNATURE: {
    exit: 4,
    message: 'the metadata of {path} do not begin with their signature',
    why: 'Size, block size and sector sizes of the disk are kept there; something else was written over them.',
    todo: RESTORE,
  },
  VHDX_METADATA_COUNT: {
    exit: 4,
    message: 'the metadata of {path} have {count} {kind} entries, at most {limit} are allowed',
    why: 'The table was damaged, or the program that wrote it has miscounted.',
    todo: RESTORE,
  },
  VHDX_METADATA_RESERVED: {
    exit: 4,
    message: 'reserved bits are set in the metadata table of {path}',
    why: 'Bits that the format keeps for later must be zero; what they would mean is not known.',
    todo: CONVERT,
  },
  VHDX_ITEM_ID: {
    exit: 4,
    message: 'an item in the metadata of {path} has no identity',
    why: 'Every entry of the metadata table names its item by a GUID; this one is all zeros.',
    todo: RESTORE,
  },
  VHDX_ITEM_PLACE: {
    exit: 4,
    message: 'the item {item} in the metadata of {path} has an impossible place: {length} bytes at {offset}',
    why: 'Items lie behind the table and inside the region; an empty one has no place at all.',
    todo: RESTORE,
  },
  VHDX_ITEM_TOO_LONG: {
    exit: 4,
    message: 'the item {item} in the metadata of {path} has {length} bytes, more than a megabyte',
    why: 'The format limits every item of the metadata to one megabyte.',
    todo: RESTORE,
  },
  VHDX_ITEM_OVERLAP: {
    exit: 4,
    message: 'the items {item} and {other} in the metadata of {path} overlap',
    why: 'Every item needs a place of its own; a change to one would damage the other.',
    todo: RESTORE,
  },
  VHDX_ITEM_DUPLICATE: {
    exit: 4,
    message: 'the item {item} in the metadata of {path} is listed twice',
    why: 'It is unclear which of the two counts.',
    todo: RESTORE,
  },
  VHDX_ITEM_FLAGS: {
    exit: 4,
    message: 'the item {item} in the metadata of {path} has flags that it cannot have: {flags}',
    why: 'The flags say whether an item is required and whether it belongs to the disk or to the file.',
    todo: RESTORE,
  },
  VHDX_ITEM_LENGTH: {
    exit: 4,
    message: 'the item {item} in the metadata of {path} has {length} bytes instead of {expected}',
    why: 'What the item says about the disk has a fixed length.',
    todo: RESTORE,
  },
  VHDX_ITEM_MISSING: {
    exit: 4,
    message: 'the item {item} is missing in the metadata of {path}',
    why: 'Size, block size, sector sizes and identity of the disk must all be there.',
    todo: RESTORE,
  },
  VHDX_ITEM_UNKNOWN: {
    exit: 4,
    message: 'the metadata of {path} hold an item that is required and not known: {item}',
    why: 'A VHDX may mark parts as required; a program that does not know such a part must not read the file.',
    todo: CONVERT,
  },
  VHDX_PARAMETERS_RESERVED: {
    exit: 4,
    message: 'reserved bits are set in the file parameters of {path}: {flags}',
    why: 'Bits that the format keeps for later must be zero; what they would mean is not known.',
    todo: CONVERT,
  },
  VHDX_BLOCK_SIZE: {
    exit: 4,
    message: '{path} is said to have {problem}',
    why: 'Blocks have a power of two between 1 and 256 MiB.',
    todo: RESTORE,
  },
  VHDX_DISK_SIZE: {
    exit: 4,
    message: '{path} is said to have {problem}',
    why: 'A disk has whole sectors, at least one and at most 64 TiB.',
    todo: RESTORE,
  },
  VHDX_SECTOR_SIZE: {
    exit: 4,
    message: '{path} is said to have {problem}',
    why: 'Logical and physical sectors have 512 or 4096 bytes.',
    todo: RESTORE,
  },

  VHDX_LOCATOR_MISSING: {
    exit: 4,
    message: '{path} is a difference, but does not say from which disk',
    why: 'The metadata speak of a parent, and the item that names it is not there.',
    todo: 'Restore the file: there is no place for the name of a parent in it.',
  },
  VHDX_LOCATOR_UNUSED: {
    exit: 4,
    message: '{path} names a parent, but is no difference',
    why: 'The disk stands alone; what it says about a parent means nothing.',
    todo: 'Nothing has to be done; the disk is read without the parent.',
  },
  VHDX_LOCATOR_TYPE: {
    exit: 4,
    message: '{path} names its parent in a form that is not known: {type}',
    why: 'Parents of a VHDX are named by a locator of the VHDX type.',
    todo: CONVERT,
  },
  VHDX_LOCATOR_RESERVED: {
    exit: 4,
    message: 'reserved bits are set where {path} names its parent',
    why: 'Bits that the format keeps for later must be zero; what they would mean is not known.',
    todo: CONVERT,
  },
  VHDX_LOCATOR_TABLE: {
    exit: 4,
    message: 'the {length} bytes in which {path} names its parent cannot hold {count} entries',
    why: 'There is at least one entry and at most 256, and their table lies inside the item.',
    todo: SET_PARENT,
  },
  VHDX_LOCATOR_ENTRY: {
    exit: 4,
    message: 'entry {entry} of what {path} says about its parent lies outside of the item',
    why: 'Keys and values are text inside the item: not empty, and two bytes for every character.',
    todo: SET_PARENT,
  },
  VHDX_LOCATOR_DUPLICATE: {
    exit: 4,
    message: '{path} says twice what {key} of its parent is',
    why: 'Every key may be there once; it is unclear which value counts.',
    todo: SET_PARENT,
  },
  VHDX_LOCATOR_LINKAGE: {
    exit: 4,
    message: '{path} does not say what identity its parent has',
    why: 'A difference remembers the identity of its parent in parent_linkage; without it any disk could be below.',
    todo: SET_PARENT,
  },
  VHDX_LOCATOR_PATH: {
    exit: 4,
    message: '{path} does not say where its parent is',
    why: 'A difference names its parent by at least one path: relative_path, volume_path or absolute_win32_path.',
    todo: SET_PARENT,
  },

  VHDX_BAT_TOO_SMALL: {
    exit: 4,
    message: 'the block table of {path} has {length} bytes, the disk needs {needed}',
    why: 'Every block of the disk has an entry in the table; the table or the size of the disk is wrong.',
    todo: RESTORE,
  },
  VHDX_BAT_RESERVED: {
    exit: 4,
    message: 'reserved bits are set in the block table of {path}, for {what}',
    why: 'Bits that the format keeps for later must be zero; the entry was probably damaged.',
    todo: RESTORE,
  },
  VHDX_BLOCK_STATE: {
    exit: 4,
    message: '{what} of {path} is in the reserved state {state}',
    why: 'The format gives no meaning to this state, so what the block holds is unknown.',
    todo: RESTORE,
  },
  VHDX_BLOCK_OVERLAP: {
    exit: 4,
    message: '{what} of {path} lies on top of something else, at byte {place}',
    why: 'Every block needs a place of its own in the file; where two share one, at least one of them has lost its data.',
    todo: RESTORE,
  },
  VHDX_BLOCK_PAST_END: {
    exit: 4,
    message: '{what} of {path} lies past the end of the file, at byte {place}',
    why: 'The file ends before the data that its block table speaks of: a copy or a download stopped early.',
    todo: GET_AGAIN,
  },
  VHDX_BLOCK_CUT: {
    exit: 4,
    message: '{what} of {path} is cut off behind the end of the disk',
    why: 'All data of the disk are there, but every block has a whole place of its own; some programs want all of it.',
    todo: REPAIR,
  },
  VHDX_PARTIAL_WITHOUT_PARENT: {
    exit: 4,
    message: 'block {block} of {path} is only partly there, but there is no parent that holds the rest',
    why: 'Partial blocks exist in differencing disks only.',
    todo: RESTORE,
  },
  VHDX_BITMAP_MISSING: {
    exit: 4,
    message: 'the sector bitmap {chunk} of {path} is missing',
    why: 'Without it nobody knows which sectors of the partial blocks are their own, and which the parent holds.',
    todo: RESTORE,
  },
  VHDX_BITMAP_WITHOUT_PARENT: {
    exit: 4,
    message: 'there is a sector bitmap {chunk} in {path}, but no parent',
    why: 'Sector bitmaps exist in differencing disks only.',
    todo: RESTORE,
  },
  VHDX_BITMAP_STATE: {
    exit: 4,
    message: 'the sector bitmap {chunk} of {path} is in the reserved state {state}',
    why: 'A sector bitmap is there or it is not; no other state has a meaning.',
    todo: RESTORE,
  },
  VHDX_ABSENT_WITH_PLACE: {
    exit: 4,
    message: '{what} of {path} has a place in the file, but no data',
    why: 'Hyper-V cannot read a file in which such an entry is not zero.',
    todo: REPAIR,
  },
  VHDX_BAT_SURPLUS: {
    exit: 4,
    message: 'the block table of {path} says something about entry {entry}, past the end of the disk',
    why: 'Such entries mean nothing as long as the disk is not enlarged; then they would show old data.',
    todo: REPAIR,
  },
  VHDX_FIXED_ABSENT: {
    exit: 4,
    message: '{path} is a fixed disk, but {count} of its blocks have no place in the file',
    why: 'A fixed disk has all its blocks from the beginning; some programs leave out those that are zero.',
    todo: '`hyperfile disk convert --fixed` makes a fixed disk of it; as it is, the file grows like a dynamic one.',
  },
});
