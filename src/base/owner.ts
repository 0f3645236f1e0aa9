/**
 * Who owns a file that lies about: a short tag of the process that made it. A process id alone comes round again, so
 * the tag also carries when the process started, which boot of the system that was, and whose process ids are meant.
 * Each system tells as much as it does: Linux all of it, macOS the start, Windows nothing (see proof-of-life.ts).
 */
import { readFileSync, readlinkSync } from 'node:fs';
import { systemCode } from './error.ts';
import { hostSystem } from './host-platform.ts';
import { isProvenAlive, proveLife } from './proof-of-life.ts';

/** Owners in another container cannot be looked up: what they have not touched for this long is theirs no more. */
const UNKNOWN_OWNER_MS = 24 * 60 * 60 * 1000;

const UNKNOWN = 'x';
const TAG = /^(\d+)-(\d+|x)-([0-9a-f]+|x)-(\d+|x)$/;

let own: string | undefined;

/** This process's tag: under 40 characters of `[0-9a-fx-]`, safe in a file name. */
export function ownerTag(): string {
  own ??= [process.pid, ownStart(), bootId(), processNamespace()].join('-');
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
  if (hostSystem() === 'linux') return startOnLinux(Number(pid)) !== start;
  if (!answersSignals(Number(pid))) return true;
  if (start === UNKNOWN) return false;
  if (hostSystem() === 'win32') return isProvenAlive(proofName(pid, start)) === false;
  const found = startByPs(Number(pid));
  return found !== undefined && found !== start;
}

/** What tells this process from others that had its id. */
function ownStart(): string {
  switch (hostSystem()) {
    case 'linux':
      return startOnLinux(process.pid) ?? UNKNOWN;
    case 'win32': {
      const now = String(Date.now());
      return proveLife(proofName(process.pid, now)) ? now : UNKNOWN;
    }
    default:
      return startByPs(process.pid) ?? UNKNOWN;
  }
}

function proofName(pid: number | string, start: string): string {
  return `${pid}-${start}`;
}

/**
 * In clock ticks since boot; undefined for a process that has ended. proc(5): field 3 is the state, field 22 the start;
 * the name in field 2 may hold anything.
 */
function startOnLinux(pid: number): string | undefined {
  const stat = readSmall(`/proc/${pid}/stat`);
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields[0] === 'Z' || fields[0] === 'X' ? undefined : (fields[19] ?? UNKNOWN);
}

/** In seconds since 1970, as ps has it; undefined when it does not know the process, or is not there. */
export function startByPs(pid: number): string | undefined {
  // Only where there is no /proc: elsewhere nobody waits for this module to load.
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' };
  const { stdout } = spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { env, encoding: 'utf8' });
  const startMs = Date.parse(`${stdout ?? ''} UTC`);
  return Number.isNaN(startMs) ? undefined : String(startMs / 1000);
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
