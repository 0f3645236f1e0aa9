/** Mounting and unmounting, and what is mounted where. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { runQuickly } from '../../base/spawn.ts';

export interface MountEntry {
  readonly target: string;
  /** As mount(8) names it. */
  readonly type: string;
}

const UNMOUNT_ATTEMPTS = 8;
const FIRST_PAUSE_MS = 2;

export async function mount(device: string, target: string, type: string, options: string): Promise<void> {
  await runQuickly('mount', ['-t', type, '-o', options, device, target]);
}

/** Everything mounted at or below a folder, deepest and latest first: the order in which it can be unmounted. */
export function mountsBelow(folder: string): MountEntry[] {
  return readMounts()
    .filter(({ target }) => target === folder || target.startsWith(folder + '/'))
    .reverse();
}

/**
 * Unmounts a folder. A mount that stays busy for a quarter of a second is detached instead: it vanishes from sight now
 * and ends with the last process that uses it.
 *
 * @returns false when it had to be detached
 */
export async function unmount(target: string): Promise<boolean> {
  for (let attempt = 1, pauseMs = FIRST_PAUSE_MS; attempt <= UNMOUNT_ATTEMPTS; attempt++, pauseMs *= 2) {
    if (await succeeds('umount', ['--', target])) return true;
    if (!readMounts().some((entry) => entry.target === target)) return true;
    await sleep(pauseMs);
  }
  await runQuickly('umount', ['--lazy', '--', target]);
  return false;
}

/** proc(5), /proc/pid/mountinfo: field 5 is the target, the type follows the dash. */
function readMounts(): MountEntry[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      return { target: unescape(before.split(' ')[4] ?? ''), type: after.split(' ')[0] ?? '' };
    });
}

/** Spaces, tabs, newlines and backslashes are written in octal. */
function unescape(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

async function succeeds(tool: string, args: readonly string[]): Promise<boolean> {
  try {
    await runQuickly(tool, args);
    return true;
  } catch {
    return false;
  }
}
