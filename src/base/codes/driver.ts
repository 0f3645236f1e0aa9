import { errorTable } from '../error-entry.ts';

/** The error codes of `driver`: opening sandboxes and running commands in them. */
export const driverCodes = errorTable({
  DRIVER_UNKNOWN: {
    exit: 2,
    message: 'there is no driver "{driver}"{suggestion}',
    why: 'A driver opens sandboxes and runs commands in them; this version of Hyperfile knows: {known}.',
    todo: 'Name one of the drivers, or leave the choice to Hyperfile.',
  },
  DRIVER_UNAVAILABLE: {
    exit: 5,
    message: 'no driver can build on this host: {reason}',
    why: 'The driver `namespace` builds Linux guests on Linux, the driver `hyperv` builds on Windows with Hyper-V.',
    todo: 'Leave the driver out of the command; on another system, build in a virtual machine or on a CI runner.',
  },
  DRIVER_OPTION: {
    exit: 2,
    message: 'the driver {driver} cannot be set up: {problem}',
    why: '`--driver-opt KEY=VALUE` and HYPERFILE_DRIVER_OPTS set up the driver that runs the steps; every driver has keys of its own.',
    todo: 'Correct the option: `hyperfile build --help` lists those of every driver.',
  },
  DRIVER_RUNTIME_UNKNOWN: {
    exit: 2,
    message: 'there is no runtime "{runtime}"{suggestion}',
    why: 'Commands are started by Hyperfile itself (`builtin`) or by an OCI runtime (`crun`, `runc`).',
    todo: 'Correct HYPERFILE_RUNTIME, or unset it.',
  },
  DRIVER_ROOT_NOT_FOUND: {
    exit: 4,
    message: 'no root file system was found on {disk}',
    why: 'No partition has the type of a Linux root, and none that can be mounted holds etc/os-release.',
    todo: 'Check the disk with `hyperfile disk info`; only Linux guests can be opened by this driver.',
  },
  DRIVER_MOUNT_FAILED: {
    exit: 1,
    message: 'the root file system of {disk} could not be mounted: {reason}',
    why: 'The kernel refused the file system: it is damaged, or of a type that this host does not know.',
    todo: 'Check the file system with the fsck of its type, and `hyperfile doctor` for the host.',
  },
  DRIVER_WINDOWS_GUEST: {
    exit: 5,
    message: 'this host cannot run steps in a Windows guest',
    why: 'The namespace driver runs commands in the kernel of the host, which is Linux. A Windows guest needs a machine of its own.',
    todo: 'Build on a Windows host with the driver for Hyper-V. Steps that were pushed from there (--cache-to, --push) need no guest here.',
  },
  DRIVER_GUEST_UNUSABLE: {
    exit: 1,
    message: 'commands cannot run in this guest: {path} is {what}, not a directory',
    why: 'The kernel needs /proc, /sys and /dev as directories to give a command its surroundings.',
    todo: 'Make it a directory in the base, or leave it out.',
  },
  DRIVER_START_FAILED: {
    exit: 1,
    message: 'the command could not be started: {reason}',
    why: 'A system call that prepares the surroundings of a command in the guest failed.',
    todo: '`hyperfile doctor` checks what the host allows; HYPERFILE_RUNTIME=crun starts commands another way.',
  },
  DRIVER_DISK_LOST: {
    exit: 1,
    message: "the sandbox's disk went away while {action}",
    why: 'The process that serves the disk to the kernel ended: it was killed, or the host ran out of memory.',
    todo: 'Run the command again; finished steps come from the cache.',
  },
  DRIVER_SANDBOX_CLOSED: {
    exit: 1,
    message: 'the sandbox is closed',
    why: 'It was sealed for the last time or closed, and was used again.',
    todo: 'Report this: a build must not do that.',
  },
  DRIVER_BUSY: {
    exit: 1,
    message: '{path} could not be unmounted because something still uses it',
    why: 'A process outside the guest has a file open in the mounted sandbox.',
    todo: 'End the process; the next command removes what is left.',
  },
});
