/** Looks for a secret everywhere that others can see: what commands print, and the list of processes. */
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import type { Ended } from './command.ts';

const PAUSE_MS = 5;

/** Runs commands while the list of processes is watched; nothing of what they show holds any of the secrets. */
export async function keepingSecrets(
  secrets: readonly string[],
  work: () => Promise<readonly Ended[]>,
): Promise<void> {
  // As they are, and as they travel.
  const forms = secrets.flatMap((secret) => [secret, Buffer.from(`ada:${secret}`).toString('base64')]);
  const watch = { isOver: false, seen: new Set<string>() };
  const watching = watchProcesses(forms, watch);
  try {
    for (const { out, err } of await work())
      for (const form of forms) expect(`${out}\n${err}`).not.toContain(form);
  } finally {
    watch.isOver = true;
    await watching;
  }
  expect([...watch.seen]).toEqual([]);
}

async function watchProcesses(
  forms: readonly string[],
  watch: { readonly isOver: boolean; readonly seen: Set<string> },
): Promise<void> {
  while (!watch.isOver) {
    for (const pid of readdirSync('/proc')) {
      if (!/^\d+$/.test(pid)) continue;
      const words = commandLine(pid);
      if (forms.some((form) => words.includes(form))) watch.seen.add(words);
    }
    await sleep(PAUSE_MS);
  }
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').replaceAll('\0', ' ');
  } catch {
    return '';
  }
}
