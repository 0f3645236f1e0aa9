/** Guest paths, resolved as the guest itself would: inside its root, symbolic links included. */
import { lstatSync, readlinkSync } from 'node:fs';
import { HyperfileError } from '../base/error.ts';
import type { FileStat } from './file-stat.ts';
import { guarded } from './system-error.ts';

/** What the Linux kernel allows too. */
const MOST_LINKS = 40;

/** Where a path leads. */
export interface Trace {
  /** On the host, below the root; without symbolic links but perhaps the last name. */
  readonly hostPath: string;
  /** Names from the root to it; empty for the root itself. */
  readonly names: readonly string[];
  /** Undefined: nothing there (yet). */
  readonly stat: FileStat | undefined;
  /** `..` wanted to go above the root, or a link was absolute: the first such path. */
  readonly wentAbove: string | undefined;
  readonly absoluteLink: string | undefined;
}

/** What paths are followed in. */
export interface LinkSpace {
  readonly rootPath: string;
  /** What lies there, links not followed. Both by host path: the root's, a `/` and names. */
  lookAt(hostPath: string): FileStat | undefined;
  readLink(hostPath: string): string;
}

/**
 * Follows a guest path component by component: absolute links start again at the root, `..` stays in it, a missing
 * tail is allowed. With `followLast` false a link in the last place is the result.
 *
 * @throws HyperfileError FS_LINK_LOOP, FS_NOT_A_DIRECTORY, FS_NAME_INVALID
 */
export function traceInside(root: string, guestPath: string, followLast = true): Trace {
  const lookAt = (hostPath: string): FileStat | undefined =>
    guarded('looking at', guestPathOf(root, hostPath), () => lstatSync(hostPath, { throwIfNoEntry: false }));
  return traceThrough({ rootPath: root, lookAt, readLink: readlinkSync }, guestPath, followLast);
}

/** The same in anything that has files and links. */
export function traceThrough(space: LinkSpace, guestPath: string, followLast = true): Trace {
  if (guestPath.includes('\0')) throw invalidName(guestPath);
  const pending = guestPath.split('/').reverse();
  const names: string[] = [];
  let stat: FileStat | undefined;
  let wentAbove: string | undefined;
  let absoluteLink: string | undefined;
  let links = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === '' || name === '.') continue;
    if (name === '..') {
      if (names.length === 0) wentAbove ??= guestPath;
      names.pop();
      continue;
    }
    names.push(name);
    stat = space.lookAt(hostPathOf(space.rootPath, names));
    if (stat?.isSymbolicLink() && (followLast || leadsOn(pending))) {
      if (++links > MOST_LINKS) throw new HyperfileError('FS_LINK_LOOP', { data: { path: guestPath } });
      const target = space.readLink(hostPathOf(space.rootPath, names));
      names.pop();
      if (target.startsWith('/')) {
        absoluteLink ??= target;
        names.length = 0;
      }
      pending.push(...target.split('/').reverse());
    } else if (stat && !stat.isDirectory() && !stat.isSymbolicLink() && leadsOn(pending)) {
      throw new HyperfileError('FS_NOT_A_DIRECTORY', { data: { path: '/' + names.join('/') } });
    }
  }
  const hostPath = hostPathOf(space.rootPath, names);
  return { hostPath, names, stat: space.lookAt(hostPath), wentAbove, absoluteLink };
}

/** The host path of a guest path; see {@link traceInside}. */
export function resolveInside(root: string, guestPath: string): string {
  return traceInside(root, guestPath).hostPath;
}

/** The guest's name of a host path below its root. */
export function guestPathOf(root: string, hostPath: string): string {
  return hostPath.slice(root === '/' ? 0 : root.length) || '/';
}

function hostPathOf(root: string, names: readonly string[]): string {
  if (names.length === 0) return root;
  return (root === '/' ? '/' : root + '/') + names.join('/');
}

/** True when names are left to resolve; trailing slashes and dots are none. */
function leadsOn(pending: readonly string[]): boolean {
  return pending.some((name) => name !== '' && name !== '.');
}

function invalidName(name: string): HyperfileError {
  return new HyperfileError('FS_NAME_INVALID', {
    data: { name: JSON.stringify(name), reason: 'it holds a zero byte' },
  });
}
