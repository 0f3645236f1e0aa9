/** Ends a program together with everything it has started, also where it is not in a process group of its own. */
import { readdirSync, readFileSync } from 'node:fs';
import { systemProgram } from './find-program.ts';
import { hostSystem, isOnWindows } from './host-platform.ts';
import { runTool } from './process.ts';

/**
 * Kills a process and all its descendants at once. Those that have cut themselves loose from it (their parents ended
 * before them) cannot be found. Done when the signals are sent; a process that is gone already is no error.
 */
export async function endProcessTree(pid: number): Promise<void> {
  if (isOnWindows()) await endOnWindows(pid);
  else await endOnUnix(pid);
}

async function endOnWindows(pid: number): Promise<void> {
  const taskkill = systemProgram(['taskkill.exe']);
  // 128: there is no such process. Others: some of the tree could not be ended, so at least its root is.
  await runTool(taskkill, ['/PID', String(pid), '/T', '/F'], { accept: [0, 128] }).catch(() => undefined);
  signal(pid, 'SIGKILL');
}

/** A process that is stopped starts no others, so the list of them is complete when nothing new turns up. */
async function endOnUnix(pid: number): Promise<void> {
  const tree = new Set<number>();
  for (let found = [pid]; found.length > 0;) {
    for (const member of found) {
      signal(member, 'SIGSTOP');
      tree.add(member);
    }
    const parents = await parentsOfProcesses();
    found = [...parents]
      .filter(([child, parent]) => tree.has(parent) && !tree.has(child))
      .map(([child]) => child);
  }
  for (const member of tree) signal(member, 'SIGKILL');
}

/** The parent of each process, both by id. */
async function parentsOfProcesses(): Promise<Map<number, number>> {
  if (hostSystem() === 'linux') {
    const ids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
    return new Map(ids.map((id) => [Number(id), parentOnLinux(id)]));
  }
  const { stdout } = await runTool('ps', ['-A', '-o', 'pid=,ppid=']);
  const rows = stdout
    .trim()
    .split('\n')
    .map((row) => row.trim().split(/\s+/).map(Number));
  return new Map(rows.map(([pid = 0, parent = 0]) => [pid, parent]));
}

/** proc(5): field 4 of stat, after the name, which may hold anything; 0 when the process has ended meanwhile. */
function parentOnLinux(id: string): number {
  try {
    const stat = readFileSync(`/proc/${id}/stat`, 'latin1');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return 0;
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended by itself.
  }
}
