/**
 * The loop that the whole server is: read a request from /dev/fuse, answer it, read the next. Synchronous on purpose:
 * an event loop and its thread pool between the kernel and the disk would cost two thirds of the speed.
 */
import { readSync, writeSync } from 'node:fs';
import { systemCode } from '../../base/error.ts';
import { ReplyBuffer } from '../protocol/reply.ts';
import { RequestBuffer } from '../protocol/request.ts';
import type { FuseSession } from './session.ts';

const MOUNT_WAIT_MS = 60_000;
const MOUNT_LOOK_MS = 1;

/** Serves until the file system is unmounted or its connection is cut. */
export function serve(deviceFd: number, session: FuseSession): void {
  const request = new RequestBuffer();
  const reply = new ReplyBuffer();
  let next = firstRequest(deviceFd, request);
  while (next) {
    const length = session.answer(request, reply);
    if (length > 0) send(deviceFd, reply, length);
    next = receive(deviceFd, request);
  }
}

/** The process may be up before the mount is: until then reading fails with EPERM. */
function firstRequest(deviceFd: number, request: RequestBuffer): boolean {
  const sleeper = new Int32Array(new SharedArrayBuffer(4));
  const endMs = Date.now() + MOUNT_WAIT_MS;
  for (;;) {
    try {
      return receive(deviceFd, request);
    } catch (error) {
      if (systemCode(error) !== 'EPERM' || Date.now() > endMs) throw error;
      Atomics.wait(sleeper, 0, 0, MOUNT_LOOK_MS);
    }
  }
}

/** Reads one request; false when there will be no more. */
function receive(deviceFd: number, request: RequestBuffer): boolean {
  for (;;) {
    try {
      request.length = readSync(deviceFd, request.bytes, 0, request.bytes.length, null);
      return true;
    } catch (error) {
      switch (systemCode(error)) {
        case 'ENODEV': // unmounted
        case 'ECONNABORTED': // cut off
          return false;
        case 'ENOENT': // the request was withdrawn while it was being read
        case 'EINTR':
        case 'EAGAIN':
          continue;
        default:
          throw error;
      }
    }
  }
}

function send(deviceFd: number, reply: ReplyBuffer, length: number): void {
  try {
    writeSync(deviceFd, reply.bytes, 0, length, null);
  } catch (error) {
    // ENOENT: nobody waits for this answer any more. ENODEV: unmounted; the next read says so too.
    const code = systemCode(error);
    if (code !== 'ENOENT' && code !== 'ENODEV' && code !== 'ECONNABORTED') throw error;
  }
}
