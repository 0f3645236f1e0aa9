import { errorTable } from '../error-entry.ts';

/** The error codes of `fuse`. */
export const fuseCodes = errorTable({
  FUSE_UNAVAILABLE: {
    exit: 5,
    message: 'this host has no usable /dev/fuse ({reason})',
    why: 'Disks are shown to the kernel through FUSE. Inside a container the device has to be passed in.',
    todo: 'Run `modprobe fuse`, or give the container /dev/fuse (and the rights to mount).',
  },
  FUSE_MOUNT_FAILED: {
    exit: 5,
    message: 'cannot mount the disk server on {folder}: {output}',
    why: 'The system refused to mount a file system. Inside a container that needs extra rights.',
    todo: 'Run as root on the host, or in a container that may mount.',
  },
  FUSE_SERVER_DIED: {
    exit: 1,
    message: 'the disk server ended ({how})',
    why: 'The process that serves the disks of this build was killed, for example for lack of memory, or it failed.',
    todo: 'Run the command again; finished steps come from the cache. If it happens again, report the cause shown.',
  },
  FUSE_DISK_FAILED: {
    exit: 1,
    message: 'reading or writing {path} failed: {reason}',
    why: 'The storage of the host that holds the disk reported an error.',
    todo: "Check the host's storage and its system log.",
  },
  FUSE_DEVICE_BUSY: {
    exit: 1,
    message: '{device} is still in use',
    why: 'Something has the disk open or mounted that did not end with the step.',
    todo: 'Find it with `fuser -m` or `lsblk` and unmount it; the device then goes by itself.',
  },
  FUSE_NO_SUCH_DISK: {
    exit: 1,
    message: 'the disk server shows no disk {name}',
    why: 'The disk was detached already.',
    todo: 'This is a mistake in Hyperfile: please report it.',
  },
  FUSE_BAD_REQUEST: {
    exit: 1,
    message: 'the disk server does not understand {request}',
    why: 'Something other than Hyperfile wrote to the control file, or the versions of its two parts differ.',
    todo: 'Install Hyperfile again, so that all its files are of one version.',
  },
  FUSE_BAD_ANSWER: {
    exit: 1,
    message: 'the disk server gave an answer that makes no sense: {answer}',
    why: 'The versions of the disk server and of the command differ.',
    todo: 'Install Hyperfile again, so that all its files are of one version.',
  },
});
