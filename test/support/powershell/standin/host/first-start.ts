/**
 * The first start of a Windows that was installed from an image: it makes its accounts from its answer file, starts itself
 * anew, and only then is complete. Without an answer file it asks questions that nobody answers.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { GuestBehaviour } from './faults.ts';

const STATE_FILE = 'Windows/Setup/State/State.ini';
const ANSWER_FILE = 'Windows/Panther/unattend.xml';
const POLL_MS = 20;

export type ImageState =
  'COMPLETE' | 'GENERALIZE_RESEAL_TO_AUDIT' | 'GENERALIZE_RESEAL_TO_OOBE' | 'UNDEPLOYABLE';

/** What a system volume has, by path with `/`. */
export function stateFile(state: ImageState): Record<string, string> {
  return { [STATE_FILE]: `[State]\r\nImageState="IMAGE_STATE_${state}"\r\n` };
}

/** While a guest sets itself up. */
export interface FirstStart {
  knowsAccounts: boolean;
  /** Of the machine: it was switched off. */
  readonly over: AbortController;
}

export interface FirstStartParts {
  /** Of the system volume. */
  readonly root: string;
  /** Says when; tests change it meanwhile. */
  readonly guest: Pick<GuestBehaviour, 'accountsAfterMs' | 'setUpAfterMs'>;
  /** The guest starts itself anew: whoever talks to it is cut off. */
  readonly restart: () => Promise<void>;
  /** The guest has set itself up. */
  readonly finish: () => void;
  readonly onFault: (error: unknown) => void;
}

/** Undefined for a system that has been set up, or has never heard of that. */
export function beginFirstStart(parts: FirstStartParts): FirstStart | undefined {
  const file = path.join(parts.root, STATE_FILE);
  if (!existsSync(file) || !/_TO_OOBE|_UNDEPLOYABLE/.test(readFileSync(file, 'latin1'))) return undefined;
  const start = { knowsAccounts: false, over: new AbortController() };
  setUp(start, parts).catch((error: unknown) => {
    if (!start.over.signal.aborted) parts.onFault(error);
  });
  return start;
}

async function setUp(start: FirstStart, { root, guest, restart, finish }: FirstStartParts): Promise<void> {
  const { signal } = start.over;
  const write = (state: ImageState): void => {
    writeFileSync(path.join(root, STATE_FILE), stateFile(state)[STATE_FILE]);
  };
  const startedAt = Date.now();
  const until = async (afterMs: () => number): Promise<void> => {
    while (Date.now() < startedAt + afterMs()) await sleep(POLL_MS, undefined, { signal });
  };
  write('UNDEPLOYABLE');
  if (!existsSync(path.join(root, ANSWER_FILE))) return;
  await until(() => guest.accountsAfterMs);
  start.knowsAccounts = true;
  await until(() => guest.setUpAfterMs);
  await restart();
  signal.throwIfAborted();
  write('COMPLETE');
  finish();
}
