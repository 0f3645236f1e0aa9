/**
 * Where the surroundings of a command are mounted in the guest. What the guest lacks is made for the command and removed
 * afterwards, so that a layer holds what the step did and nothing of ours.
 */
import { lstatSync, mkdirSync, rmdirSync, unlinkSync, writeFileSync, type Stats } from 'node:fs';
import path from 'node:path';
import { HyperfileError, isHyperfileError } from '../../base/error.ts';
import { traceInside } from '../../fs/inside.ts';
import type { Bind } from './launch-request.ts';

export interface MountPoints {
  readonly binds: readonly Bind[];
  /** Removes what was made, unless the guest has put something there. */
  remove: () => void;
}

/** The host's own files that a command in the guest sees. */
export interface HostFiles {
  readonly resolvConf: string;
  /** Shown only to guests without a file of their own: those that have one may want to change it. */
  readonly hosts: string;
}

/** @throws HyperfileError DRIVER_GUEST_UNUSABLE */
export function prepareMountPoints(rootPath: string, host: HostFiles): MountPoints {
  const made: string[] = [];
  const binds: Bind[] = [];
  for (const name of ['proc', 'sys', 'dev']) prepareDirectory(rootPath, name, made);
  const resolvConf = prepareFile(rootPath, '/etc/resolv.conf', made);
  if (resolvConf !== undefined) binds.push({ source: host.resolvConf, target: resolvConf });
  const madeBefore = made.length;
  const hosts = prepareFile(rootPath, '/etc/hosts', made);
  if (hosts !== undefined && made.length > madeBefore) binds.push({ source: host.hosts, target: hosts });
  return { binds, remove: () => made.splice(0).reverse().forEach(removeIfEmpty) };
}

function prepareDirectory(rootPath: string, name: string, made: string[]): void {
  const hostPath = path.join(rootPath, name);
  const stat = lstatSync(hostPath, { throwIfNoEntry: false });
  if (!stat) makeDirectory(hostPath, made);
  else if (!stat.isDirectory()) {
    throw new HyperfileError('DRIVER_GUEST_UNUSABLE', { data: { path: '/' + name, what: kindOf(stat) } });
  }
}

/** The file that a guest path leads to, made empty when it is missing; undefined where no file can be. */
function prepareFile(rootPath: string, guestPath: string, made: string[]): string | undefined {
  try {
    const { hostPath, names, stat } = traceInside(rootPath, guestPath);
    // /etc/resolv.conf -> /proc/... and the like lead into what is mounted over.
    if (['proc', 'sys', 'dev'].includes(names[0] ?? '')) return undefined;
    if (stat) return stat.isFile() ? hostPath : undefined;
    for (let depth = 1; depth < names.length; depth++) {
      const parent = path.join(rootPath, ...names.slice(0, depth));
      if (!lstatSync(parent, { throwIfNoEntry: false })) makeDirectory(parent, made);
    }
    writeFileSync(hostPath, '', { flag: 'wx', mode: 0o644 });
    made.push(hostPath);
    return hostPath;
  } catch (error) {
    // A loop of links, or a file where a directory would have to be: the guest does without.
    if (isHyperfileError(error)) return undefined;
    throw error;
  }
}

function makeDirectory(hostPath: string, made: string[]): void {
  mkdirSync(hostPath, { mode: 0o755 });
  made.push(hostPath);
}

function removeIfEmpty(hostPath: string): void {
  const stat = lstatSync(hostPath, { throwIfNoEntry: false });
  try {
    if (stat?.isDirectory()) rmdirSync(hostPath);
    else if (stat?.isFile() && stat.size === 0) unlinkSync(hostPath);
  } catch {
    // The guest has filled it: then it is part of the layer.
  }
}

function kindOf(stat: Stats): string {
  if (stat.isSymbolicLink()) return 'a symbolic link';
  return stat.isFile() ? 'a file' : 'a special file';
}
