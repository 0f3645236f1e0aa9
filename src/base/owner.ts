/**
 * Who owns a file that lies about: a short tag of the process that made it. A process id alone comes round again, so
 * the tag also carries when the process started, which boot of the system that was, and whose process ids are meant.
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { systemCode } from './error.ts';

/** Owners in another container cannot be looked up: what they have not touched for this long is theirs no more. */
const UNKNOWN_OWNER_MS = 24 * 60 * 60 * 1000;

const UNKNOWN = 'x';
const TAG = /^(\d+)-(\d+|x)-([0-9a-f]+|x)-(\d+|x)$/;

let own: string | undefined;

/** This process's tag: under 40 characters of `[0-9a-fx-]`, safe in a file name. */
export function ownerTag(): string {
  own ??= [process.pid, processStart(process.pid)?.ticks ?? UNKNOWN, bootId(), processNamespace()].join('-');
  return own;
}

/** The process id in a tag, 0 when it is not a tag. */
export function ownerPid(tag: string): number {
  return Number(TAG.exec(tag)?.[1] ?? 0);
}

/**
 * True when the process of a tag has ended. `touchedMs` (epoch) is when it last gave a sign of life, for owners that
 * cannot be seen from here.
 */
export function ownerIsGone(tag: string, touchedMs: number): boolean {
  const match = TAG.exec(tag);
  const [, pid = '0', start = UNKNOWN, boot = UNKNOWN, namespace = UNKNOWN] = match ?? [];
  if (match !== null && boot !== bootId()) return true;
  if (match === null || namespace !== processNamespace()) return Date.now() - touchedMs > UNKNOWN_OWNER_MS;
  if (process.platform !== 'linux') return !answersSignals(Number(pid));
  const found = processStart(Number(pid));
  return found === undefined || found.ended || found.ticks !== start;
}

/** proc(5): field 3 is the state, field 22 the start in clock ticks since boot; the name in field 2 may hold anything. */
function processStart(pid: number): { ticks: string; ended: boolean } | undefined {
  const stat = readSmall(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { ticks: fields[19] ?? UNKNOWN, ended: fields[0] === 'Z' || fields[0] === 'X' };
}

function bootId(): string {
  return readSmall('/proc/sys/kernel/random/boot_id')?.slice(0, 8) ?? UNKNOWN;
}

function processNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? UNKNOWN;
  } catch {
    return UNKNOWN;
  }
}

function answersSignals(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return systemCode(error) !== 'ESRCH';
  }
}

function readSmall(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
