/** The structures of answers other than READ and WRITE. Each `put` returns the payload's length. */
import type { ReplyBuffer } from './reply.ts';
import {
  FUSE_MAJOR,
  FUSE_MINOR,
  INIT_ABORT_ERROR,
  INIT_ASYNC_DIO,
  INIT_ASYNC_READ,
  INIT_BIG_WRITES,
  INIT_MAX_PAGES,
  INIT_PARALLEL_DIROPS,
} from './constants.ts';
import { MAX_TRANSFER_BYTES } from './request.ts';

/** What the kernel is told about a file or a directory. */
export interface Attributes {
  readonly nodeId: number;
  readonly mode: number;
  readonly sizeBytes: number;
}

const PAGE_BYTES = 4096;
/** A file's size never changes, so the kernel may believe its attributes for a day. Names go: it asks each time. */
const VALID_SECONDS = 86_400;
/** Requests that may be under way at once before the kernel holds new ones back: as many as a loop device has. */
const MAX_BACKGROUND = 128;

const ATTR_BYTES = 88;
const ATTR_OUT_BYTES = 16 + ATTR_BYTES;
const ENTRY_OUT_BYTES = 40 + ATTR_BYTES;
const INIT_OUT_BYTES = 64;
const OPEN_OUT_BYTES = 16;
const STATFS_OUT_BYTES = 80;

/** `struct fuse_init_out`; the flags are those of ours that the kernel offered. */
export function putInit(
  reply: ReplyBuffer,
  kernelMinor: number,
  kernelReadahead: number,
  offered: number,
): number {
  const wanted =
    INIT_ASYNC_READ |
    INIT_BIG_WRITES |
    INIT_ASYNC_DIO |
    INIT_PARALLEL_DIROPS |
    INIT_ABORT_ERROR |
    INIT_MAX_PAGES;
  reply.clear(INIT_OUT_BYTES);
  reply.u32(0, FUSE_MAJOR);
  reply.u32(4, Math.min(kernelMinor, FUSE_MINOR));
  reply.u32(8, kernelReadahead);
  reply.u32(12, wanted & offered);
  reply.u32(16, MAX_BACKGROUND | (MAX_BACKGROUND << 16)); // max_background, congestion_threshold
  reply.u32(20, MAX_TRANSFER_BYTES);
  reply.u32(24, 1); // time_gran: nanoseconds
  reply.u32(28, MAX_TRANSFER_BYTES / PAGE_BYTES);
  return INIT_OUT_BYTES;
}

/** The kernel speaks a newer major version: it asks again in ours when told only that. */
export function putInitMajor(reply: ReplyBuffer): number {
  reply.clear(INIT_OUT_BYTES);
  reply.u32(0, FUSE_MAJOR);
  reply.u32(4, FUSE_MINOR);
  return INIT_OUT_BYTES;
}

/** `struct fuse_attr_out` */
export function putAttributes(reply: ReplyBuffer, attributes: Attributes): number {
  reply.clear(ATTR_OUT_BYTES);
  reply.u64(0, VALID_SECONDS);
  putAttr(reply, 16, attributes);
  return ATTR_OUT_BYTES;
}

/** `struct fuse_entry_out` */
export function putEntry(reply: ReplyBuffer, attributes: Attributes): number {
  reply.clear(ENTRY_OUT_BYTES);
  reply.u64(0, attributes.nodeId);
  reply.u64(24, VALID_SECONDS); // attr_valid; entry_valid stays zero
  putAttr(reply, 40, attributes);
  return ENTRY_OUT_BYTES;
}

/** `struct fuse_attr`; owner and times stay zero. */
function putAttr(reply: ReplyBuffer, at: number, attributes: Attributes): void {
  reply.u64(at, attributes.nodeId);
  reply.u64(at + 8, attributes.sizeBytes);
  reply.u64(at + 16, Math.ceil(attributes.sizeBytes / 512));
  reply.u32(at + 60, attributes.mode);
  reply.u32(at + 64, 1); // nlink
  reply.u32(at + 80, PAGE_BYTES); // blksize
}

/** `struct fuse_open_out` */
export function putOpen(reply: ReplyBuffer, handle: number, flags: number): number {
  reply.clear(OPEN_OUT_BYTES);
  reply.u64(0, handle);
  reply.u32(8, flags);
  return OPEN_OUT_BYTES;
}

/** `struct fuse_statfs_out`. A loop device takes its discard granularity from the block size told here. */
export function putStatfs(reply: ReplyBuffer): number {
  reply.clear(STATFS_OUT_BYTES);
  reply.u32(40, PAGE_BYTES); // bsize
  reply.u32(44, 255); // namelen
  reply.u32(48, PAGE_BYTES); // frsize
  return STATFS_OUT_BYTES;
}
