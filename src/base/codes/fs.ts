import { errorTable } from '../error-entry.ts';

/** The error codes of `fs`: files in guests, build contexts, archives, partition tables. */
export const fsCodes = errorTable({
  FS_CONTEXT_MISSING: {
    exit: 2,
    message: 'the build context {path} is not a folder',
    why: 'The last argument of `hyperfile build` names the folder whose files COPY and ADD see.',
    todo: 'Name an existing folder, for example `.`.',
  },
  FS_OUTSIDE_CONTEXT: {
    exit: 3,
    message: '{source} leads out of {tree}',
    why: 'COPY and ADD see only files below the root of their source; `..` or a symbolic link leads out of it.',
    todo: 'Move the file into the build context, or build with a folder further up as the context.',
  },
  FS_SOURCE_MISSING: {
    exit: 3,
    message: '{source} does not exist in {tree}',
    why: 'A source of COPY or ADD names a file that is not there.',
    todo: 'Check the spelling; paths are relative to the root of the context, not to the recipe.',
  },
  FS_SOURCE_IGNORED: {
    exit: 3,
    message: '{source} is excluded from {tree} by the ignore file',
    why: 'A rule of .hyperignore or .dockerignore hides the file from COPY and ADD.',
    todo: 'Take the rule out, or add a line `!{source}` after it.',
  },
  FS_IGNORE_PATTERN: {
    exit: 3,
    message: '{file}, line {line}: "{pattern}" is not a valid pattern',
    why: 'Patterns follow the rules of .dockerignore: `*`, `?`, `[a-z]`, `**`, and a leading `!` to take back.',
    todo: 'Correct the pattern; a backslash makes the next character literal.',
  },
  FS_PATTERN_INVALID: {
    exit: 3,
    message: '"{pattern}" is not a valid wildcard pattern',
    why: 'A class such as `[a-z]` is not closed, is empty, or the pattern ends with a lone backslash.',
    todo: 'Close the class; a backslash makes the next character literal.',
  },
  FS_LINK_LOOP: {
    exit: 3,
    message: '{path} goes through too many symbolic links',
    why: 'Symbolic links point at each other in a circle, or form a chain of more than 40.',
    todo: 'Remove the link that closes the circle.',
  },
  FS_NOT_A_DIRECTORY: {
    exit: 3,
    message: '{path} is not a directory',
    why: 'A path goes through a file as if it were a directory, or a directory would have to replace a file.',
    todo: 'Choose another destination, or remove the file in an earlier RUN.',
  },
  FS_IS_A_DIRECTORY: {
    exit: 3,
    message: '{path} is a directory and cannot be replaced by a file',
    why: 'A file is to be written where the guest has a directory of the same name.',
    todo: 'Choose another destination, or remove the directory in an earlier RUN.',
  },
  FS_DESTINATION_NOT_DIRECTORY: {
    exit: 3,
    message: 'several sources need a directory as destination, and {destination} does not end with "/"',
    why: 'Only a directory can take more than one source.',
    todo: 'Write the destination as `{destination}/`.',
  },
  FS_NOT_A_FILE: {
    exit: 1,
    message: '{path} is not a regular file',
    why: 'A file was to be read in the guest and a directory, device or pipe lies in its place.',
    todo: 'Look at what the image has at that path.',
  },
  FS_NAME_INVALID: {
    exit: 3,
    message: 'the name {name} cannot be used: {reason}',
    why: 'File names end at a zero byte, and are handled as UTF-8.',
    todo: 'Rename the file.',
  },
  FS_MODE_INVALID: {
    exit: 3,
    message: '"{mode}" is not a file mode',
    why: 'A mode is octal up to 7777 ("0755"), or symbolic ("u+x,go-w").',
    todo: 'Correct the value of --chmod.',
  },
  FS_OWNER_INVALID: {
    exit: 3,
    message: '"{owner}" is not an owner',
    why: 'An owner is `user`, `user:group`, or numbers from 0 to 4294967294 in place of the names.',
    todo: 'Correct the value.',
  },
  FS_USER_UNKNOWN: {
    exit: 3,
    message: 'there is no user "{user}" in {tree}',
    why: "Names of users are looked up in the guest's own /etc/passwd.",
    todo: 'Make the user in an earlier RUN, or give a number.',
  },
  FS_GROUP_UNKNOWN: {
    exit: 3,
    message: 'there is no group "{group}" in {tree}',
    why: "Names of groups are looked up in the guest's own /etc/group.",
    todo: 'Make the group in an earlier RUN, or give a number.',
  },
  FS_ARCHIVE_CUT_SHORT: {
    exit: 4,
    message: 'the archive {archive} is cut short: {detail}',
    why: 'The file ends before the archive does; a download or a copy was probably interrupted.',
    todo: 'Get the archive again.',
  },
  FS_ARCHIVE_CORRUPT: {
    exit: 4,
    message: 'the archive {archive} is damaged: {detail}',
    why: 'The content is not a valid tar archive, or its compression is broken.',
    todo: 'Get the archive again, or make it anew.',
  },
  FS_ARCHIVE_OUTSIDE: {
    exit: 4,
    message: 'the archive {archive} holds "{entry}", which leads out of where it is unpacked',
    why: 'Entries with `..` and hard links to such names would write outside the destination.',
    todo: 'Make the archive anew with names relative to its root.',
  },
  FS_ARCHIVE_UNKNOWN: {
    exit: 4,
    message: '{archive} is not an archive: it is neither tar, gzip, bzip2, xz nor zstd',
    why: 'Archives are known by their content, whatever their name.',
    todo: 'Check the file.',
  },
  FS_GUEST_FULL: {
    exit: 1,
    message: "no space left in the guest's file system for {path}",
    why: "The guest's disk is full: its virtual size is too small for what the recipe puts on it.",
    todo: 'Build the base with a larger `--disk-size`.',
  },
  FS_FAILED: {
    exit: 1,
    message: '{action} {path} failed: {reason}',
    why: 'The operating system refused an operation on a file.',
    todo: 'Look at the reason; permissions and the state of the disk are the usual causes.',
  },
  FS_TABLE_CORRUPT: {
    exit: 4,
    message: 'the partition table is damaged: {detail}',
    why: 'Neither the partition table nor its backup can be read.',
    todo: 'Check the disk file, or repair it with sgdisk or gdisk.',
  },
  FS_DISK_TOO_SMALL: {
    exit: 2,
    message: 'a disk of {sizeBytes} bytes is too small: it must have at least {neededBytes}',
    why: 'Partition table, EFI system partition and root file system need room.',
    todo: 'Give a larger `--disk-size`.',
  },
});
