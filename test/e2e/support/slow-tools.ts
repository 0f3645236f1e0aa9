/** Stands in front of a program of the system: does its work, says so, and takes its time to end. */
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Site } from './site.ts';

const LINGER_SECONDS = 0.6;
const LONGEST_WAIT_MS = 60_000;
const PAUSE_MS = 5;

export interface SlowTool {
  readonly env: Readonly<Record<string, string>>;
  /** Waits until the program has done its work, but not ended. */
  worked(): Promise<void>;
  /** Lets it end, {@link LINGER_SECONDS} from now. */
  release(): void;
}

export function slowTool(site: Site, tool: string): SlowTool {
  const folder = path.join(site.folder, `slow-${tool}`);
  const mark = path.join(folder, 'worked');
  const leave = path.join(folder, 'may-end');
  mkdirSync(folder, { recursive: true });
  const real = execFileSync('sh', ['-c', `PATH=$PATH:/usr/sbin:/sbin command -v ${tool}`], {
    encoding: 'utf8',
  }).trim();
  const file = path.join(folder, tool);
  // The output comes last, as from a program that is still busy when its work is done.
  const lines = [
    '#!/bin/sh',
    `said=$(${real} "$@"); status=$?`,
    `touch ${mark}`,
    `while [ -d ${folder} ] && [ ! -e ${leave} ]; do sleep 0.05; done; sleep ${LINGER_SECONDS}`,
    '[ -z "$said" ] || echo "$said"',
    'exit $status',
  ];
  writeFileSync(file, lines.map((line) => `${line}\n`).join(''));
  chmodSync(file, 0o755);
  return {
    env: { PATH: `${folder}:${process.env.PATH ?? ''}` },
    async worked() {
      const deadline = performance.now() + LONGEST_WAIT_MS;
      while (!existsSync(mark)) {
        if (performance.now() > deadline) throw new Error(`${tool} was never run`);
        await sleep(PAUSE_MS);
      }
    },
    release: () => writeFileSync(leave, ''),
  };
}
