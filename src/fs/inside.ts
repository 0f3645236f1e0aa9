/** Guest paths, resolved as the guest itself would: inside its root, symbolic links included. */
import { lstatSync, readlinkSync, type Stats } from 'node:fs';
import { HyperfileError } from '../base/error.ts';
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
  readonly stat: Stats | undefined;
  /** `..` wanted to go above the root, or a link was absolute: the first such path. */
  readonly wentAbove: string | undefined;
  readonly absoluteLink: string | undefined;
}

/**
 * Follows a guest path component by component: absolute links start again at the root, `..` stays in it, a missing
 * tail is allowed. With `followLast` false a link in the last place is the result.
 *
 * @throws HyperfileError FS_LINK_LOOP, FS_NOT_A_DIRECTORY, FS_NAME_INVALID
 */
export function traceInside(root: string, guestPath: string, followLast = true): Trace {
  if (guestPath.includes('\0')) throw invalidName(guestPath);
  const pending = guestPath.split('/').reverse();
  const names: string[] = [];
  let stat: Stats | undefined;
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
    stat = statHere(root, names);
    if (stat?.isSymbolicLink() && (followLast || leadsOn(pending))) {
      if (++links > MOST_LINKS) throw new HyperfileError('FS_LINK_LOOP', { data: { path: guestPath } });
      const target = readlinkSync(hostPathOf(root, names));
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
  return { hostPath: hostPathOf(root, names), names, stat: statHere(root, names), wentAbove, absoluteLink };
}

/** The host path of a guest path; see {@link traceInside}. */
export function resolveInside(root: string, guestPath: string): string {
  return traceInside(root, guestPath).hostPath;
}

/** The guest's name of a host path below its root. */
export function guestPathOf(root: string, hostPath: string): string {
  return hostPath.slice(root === '/' ? 0 : root.length) || '/';
}

function statHere(root: string, names: readonly string[]): Stats | undefined {
  const hostPath = hostPathOf(root, names);
  return guarded('looking at', '/' + names.join('/'), () => lstatSync(hostPath, { throwIfNoEntry: false }));
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
