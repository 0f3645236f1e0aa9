import { errorTable } from '../error-entry.ts';

/** Codes that every part may raise. */
export const generalCodes = errorTable({
  INTERRUPTED: {
    exit: 130,
    message: 'interrupted',
    why: 'Ctrl-C or a termination signal ended the command; what it had under way was thrown away.',
    todo: 'Run the command again: finished steps come from the cache.',
  },
  TOOL_MISSING: {
    exit: 5,
    message: '{tool} is needed and was not found',
    why: 'A program that this host must provide is not on PATH.',
    todo: 'Install the package that holds it; `hyperfile doctor` lists everything this host lacks.',
  },
  TOOL_FAILED: {
    exit: 1,
    message: '{tool} failed with status {status}: {output}',
    why: 'A system program that Hyperfile called ended with an error.',
    todo: 'Read the message of the program above; `hyperfile doctor` checks the host.',
  },
  DISK_FULL: {
    exit: 1,
    message: 'no space left on the disk that holds {path}',
    why: 'A write failed because the file system is full. What was not finished is removed, but for blobs that the next pull can go on with.',
    todo: 'Free space, for example with `hyperfile prune`, or move the store with HYPERFILE_STORE.',
  },
  OUTPUT_EXISTS: {
    exit: 2,
    message: '{path} exists already',
    why: 'A new disk is never written over something that is there.',
    todo: 'Give another name, or remove what is there.',
  },
  OUTPUT_FOLDER: {
    exit: 2,
    message: 'the folder {folder} does not exist',
    why: 'A new disk is written into a folder that is there.',
    todo: 'Make the folder, or give another name.',
  },
  LOCK_TIMEOUT: {
    exit: 1,
    message: 'waited too long for {path}, held by process {pid}',
    why: 'Another Hyperfile process holds the lock.',
    todo: 'Wait for the other command, or end it.',
  },
  NOT_ROOT: {
    exit: 5,
    message: '{action} needs root rights',
    why: 'Mounting a disk and starting a container-like environment are privileged on Linux.',
    todo: 'Run the command as root, for example with sudo.',
  },
});
