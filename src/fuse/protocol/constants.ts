/** Numbers of the FUSE kernel interface, version 7 (Linux `include/uapi/linux/fuse.h`), as far as a disk needs them. */
import { constants as os } from 'node:os';

export const FUSE_MAJOR = 7;
/** The newest minor version whose structures this code knows. */
export const FUSE_MINOR = 38;

export const ROOT_NODE = 1;

/** `enum fuse_opcode` */
export const OP_LOOKUP = 1;
export const OP_FORGET = 2;
export const OP_GETATTR = 3;
export const OP_SETATTR = 4;
export const OP_OPEN = 14;
export const OP_READ = 15;
export const OP_WRITE = 16;
export const OP_STATFS = 17;
export const OP_RELEASE = 18;
export const OP_FSYNC = 20;
export const OP_FLUSH = 25;
export const OP_INIT = 26;
export const OP_OPENDIR = 27;
export const OP_READDIR = 28;
export const OP_RELEASEDIR = 29;
export const OP_FSYNCDIR = 30;
export const OP_ACCESS = 34;
export const OP_INTERRUPT = 36;
export const OP_DESTROY = 38;
export const OP_BATCH_FORGET = 42;
export const OP_FALLOCATE = 43;

/** Flags of the INIT exchange. */
export const INIT_ASYNC_READ = 1 << 0;
export const INIT_BIG_WRITES = 1 << 5;
export const INIT_ASYNC_DIO = 1 << 15;
export const INIT_PARALLEL_DIROPS = 1 << 18;
export const INIT_ABORT_ERROR = 1 << 21;
export const INIT_MAX_PAGES = 1 << 22;

/** Flags of the answer to OPEN. */
export const OPEN_DIRECT_IO = 1 << 0;
export const OPEN_PARALLEL_DIRECT_WRITES = 1 << 6;

/** Mode flags of FALLOCATE (Linux `include/uapi/linux/falloc.h`). */
export const FALLOCATE_KEEP_SIZE = 0x01;
export const FALLOCATE_PUNCH_HOLE = 0x02;
export const FALLOCATE_ZERO_RANGE = 0x10;

/** File types inside `mode` (`S_IFDIR`, `S_IFREG`); a directory entry's type is the same value shifted right by 12. */
export const MODE_DIRECTORY = 0o040000;
export const MODE_FILE = 0o100000;

export const { EINVAL, EIO, EISDIR, ENOENT, ENOSPC, ENOSYS, ENOTDIR, EOPNOTSUPP, EPROTO, EROFS, EBADF } =
  os.errno;
