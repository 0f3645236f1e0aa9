/**
 * Answers one request of the kernel after the other. READ and WRITE come first and allocate nothing; what a disk does
 * not have (links, locks, extended attributes, ...) is refused with ENOSYS, after which the kernel asks no more for it.
 */
import {
  EINVAL,
  EIO,
  EISDIR,
  ENOENT,
  ENOSYS,
  ENOTDIR,
  EPROTO,
  FUSE_MAJOR,
  OP_ACCESS,
  OP_BATCH_FORGET,
  OP_DESTROY,
  OP_FALLOCATE,
  OP_FLUSH,
  OP_FORGET,
  OP_FSYNC,
  OP_FSYNCDIR,
  OP_GETATTR,
  OP_INIT,
  OP_INTERRUPT,
  OP_LOOKUP,
  OP_OPEN,
  OP_OPENDIR,
  OP_READ,
  OP_READDIR,
  OP_RELEASE,
  OP_RELEASEDIR,
  OP_SETATTR,
  OP_STATFS,
  OP_WRITE,
  OPEN_DIRECT_IO,
  OPEN_PARALLEL_DIRECT_WRITES,
  ROOT_NODE,
} from '../protocol/constants.ts';
import { putDirectory } from '../protocol/directory.ts';
import type { ReplyBuffer } from '../protocol/reply.ts';
import {
  IN_HEADER_BYTES,
  MAX_TRANSFER_BYTES,
  WRITE_HEADER_BYTES,
  type RequestBuffer,
} from '../protocol/request.ts';
import {
  putAttributes,
  putEntry,
  putInit,
  putInitMajor,
  putOpen,
  putStatfs,
} from '../protocol/structures.ts';
import { Control } from './control.ts';
import { CONTROL_NODE, DiskFolder } from './disk-folder.ts';
import type { OpenDisk } from './engine.ts';

/** No request of the kernel's fields below this length: shorter ones are malformed. */
const BODY_BYTES: Readonly<Record<number, number>> = {
  [OP_LOOKUP]: 1,
  [OP_OPEN]: 8,
  [OP_READ]: 40,
  [OP_WRITE]: WRITE_HEADER_BYTES,
  [OP_RELEASE]: 24,
  [OP_INIT]: 16,
  [OP_READDIR]: 40,
  [OP_FALLOCATE]: 32,
};

/** A request that gets no answer. */
const NO_ANSWER = Number.MIN_SAFE_INTEGER;

const BODY = IN_HEADER_BYTES;

export class FuseSession {
  readonly #folder = new DiskFolder();
  readonly #control: Control;

  constructor(open: OpenDisk) {
    this.#control = new Control(this.#folder, open);
  }

  /** Puts the answer into `reply` and returns its length; 0 when the kernel expects none. Never throws. */
  answer(request: RequestBuffer, reply: ReplyBuffer): number {
    if (!request.isWhole) return request.length < IN_HEADER_BYTES ? 0 : reply.finish(request, -EIO);
    const opcode = request.opcode;
    let result: number;
    if (request.bodyBytes < (BODY_BYTES[opcode] ?? 0)) result = -EINVAL;
    else if (opcode === OP_READ) result = this.#read(request, reply);
    else if (opcode === OP_WRITE) result = this.#write(request, reply);
    else result = this.#other(opcode, request, reply);
    return result === NO_ANSWER ? 0 : reply.finish(request, result);
  }

  /** Closes every disk that is still shown. */
  close(): void {
    this.#folder.close();
  }

  /** `struct fuse_read_in`: fh, offset, size, ... */
  #read(request: RequestBuffer, reply: ReplyBuffer): number {
    const offset = request.u64(BODY + 8);
    const length = Math.min(request.u32(BODY + 16), MAX_TRANSFER_BYTES);
    const disk = this.#folder.disk(request.nodeId);
    if (disk !== undefined) return disk.read(reply.payload(disk.clip(offset, length)), offset);
    if (request.nodeId !== CONTROL_NODE) return -EIO;
    return this.#control.read(request.u64(BODY), offset, reply.payload(length));
  }

  /** `struct fuse_write_in`: fh, offset, size, ...; answered by `struct fuse_write_out`. */
  #write(request: RequestBuffer, reply: ReplyBuffer): number {
    const length = request.u32(BODY + 16);
    if (length !== request.bodyBytes - WRITE_HEADER_BYTES) return -EINVAL;
    const disk = this.#folder.disk(request.nodeId);
    let written: number;
    if (disk !== undefined) written = disk.write(request.writeData(length), request.u64(BODY + 8));
    else if (request.nodeId !== CONTROL_NODE) return -EIO;
    else written = this.#control.write(request.u64(BODY), request.writeData(length));
    if (written < 0) return written;
    reply.u32(0, written);
    reply.u32(4, 0);
    return 8;
  }

  #other(opcode: number, request: RequestBuffer, reply: ReplyBuffer): number {
    switch (opcode) {
      case OP_FALLOCATE:
        return this.#allocate(request);
      // A step that does not finish is thrown away: until a seal, durability means nothing.
      case OP_FSYNC:
      case OP_FSYNCDIR:
      case OP_FLUSH:
      case OP_ACCESS:
      case OP_RELEASEDIR:
      case OP_DESTROY:
        return 0;
      // Numbers are never used twice, so there is nothing to forget; what INTERRUPT means has been answered already.
      case OP_FORGET:
      case OP_BATCH_FORGET:
      case OP_INTERRUPT:
        return NO_ANSWER;
      case OP_LOOKUP:
        return this.#lookup(request, reply);
      // Nothing can be changed, and what asks (touch, chmod) need not fail.
      case OP_GETATTR:
      case OP_SETATTR:
        return this.#attributes(request, reply);
      case OP_OPEN:
        return this.#open(request, reply);
      case OP_RELEASE:
        if (request.nodeId === CONTROL_NODE) this.#control.release(request.u64(BODY));
        return 0;
      case OP_OPENDIR:
        return request.nodeId === ROOT_NODE ? putOpen(reply, 0, 0) : -ENOTDIR;
      case OP_READDIR:
        return this.#list(request, reply);
      case OP_STATFS:
        return putStatfs(reply);
      case OP_INIT:
        return initialise(request, reply);
      default:
        return -ENOSYS;
    }
  }

  /** `struct fuse_fallocate_in`: fh, offset, length, mode */
  #allocate(request: RequestBuffer): number {
    const disk = this.#folder.disk(request.nodeId);
    if (disk === undefined) return -EIO;
    return disk.allocate(request.u32(BODY + 24), request.u64(BODY + 8), request.u64(BODY + 16));
  }

  #lookup(request: RequestBuffer, reply: ReplyBuffer): number {
    const found = request.nodeId === ROOT_NODE ? this.#folder.find(request.name()) : undefined;
    return found ? putEntry(reply, found) : -ENOENT;
  }

  #attributes(request: RequestBuffer, reply: ReplyBuffer): number {
    const attributes = this.#folder.attributes(request.nodeId);
    return attributes ? putAttributes(reply, attributes) : -ENOENT;
  }

  /** Past the page cache: the loop device reads and writes directly, and the control file's answers are never old. */
  #open(request: RequestBuffer, reply: ReplyBuffer): number {
    if (request.nodeId === ROOT_NODE) return -EISDIR;
    if (request.nodeId === CONTROL_NODE) return putOpen(reply, this.#control.open(), OPEN_DIRECT_IO);
    if (this.#folder.disk(request.nodeId) === undefined) return -ENOENT;
    return putOpen(reply, 0, OPEN_DIRECT_IO | OPEN_PARALLEL_DIRECT_WRITES);
  }

  /** `struct fuse_read_in` again; offset is the number of the entry to go on with. */
  #list(request: RequestBuffer, reply: ReplyBuffer): number {
    if (request.nodeId !== ROOT_NODE) return -ENOTDIR;
    const room = Math.min(request.u32(BODY + 16), MAX_TRANSFER_BYTES);
    return putDirectory(reply, this.#folder.entries(), request.u64(BODY + 8), room);
  }
}

/** `struct fuse_init_in`: major, minor, max_readahead, flags */
function initialise(request: RequestBuffer, reply: ReplyBuffer): number {
  const major = request.u32(BODY);
  if (major > FUSE_MAJOR) return putInitMajor(reply);
  if (major < FUSE_MAJOR) return -EPROTO;
  return putInit(reply, request.u32(BODY + 4), request.u32(BODY + 8), request.u32(BODY + 12));
}
