/** Where a program listens that let the system choose its port, and does not say which. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import path from 'node:path';

/** TCP_LISTEN (net/tcp_states.h). */
const LISTENING = '0A';

/** @returns the first IPv4 port that a process listens on; undefined while it does not, or is gone */
export function listeningPort(pid: number): number | undefined {
  const proc = path.join('/proc', String(pid));
  try {
    const sockets = new Set(
      readdirSync(path.join(proc, 'fd')).map((fd) => targetOf(path.join(proc, 'fd', fd))),
    );
    // proc(5): each line has the local address and port in hexadecimal digits, the state and, tenth, the socket's inode.
    for (const line of readFileSync(path.join(proc, 'net/tcp'), 'utf8').split('\n').slice(1)) {
      const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
      if (state === LISTENING && sockets.has(`socket:[${inode}]`))
        return parseInt(local.split(':')[1] ?? '', 16);
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return undefined;
}

/** It may be closed by now. */
function targetOf(fd: string): string {
  try {
    return readlinkSync(fd);
  } catch {
    return '';
  }
}
