/** A program ends with all that it has started. */
import { spawn } from 'node:child_process';
import { mkdtempSync, existsSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { endProcessTree } from '../../src/base/process-tree.ts';
import { describeWith } from '../support/needs.ts';

function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describeWith(process.platform === 'linux' ? ['sh'] : ['Linux'], 'the end of a process', () => {
  test('ends its descendants, those that ignore signals and those in groups of their own too', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'hyperfile-tree-'));
    const deepest = path.join(folder, 'deepest');
    try {
      const script = `trap '' TERM INT HUP
        sh -c "trap '' TERM; sleep 600 & setsid sh -c 'sleep 600 & echo \\$! > ${deepest}; wait' & wait" & wait`;
      const child = spawn('sh', ['-c', script]);
      const gone = new Promise((resolve) => child.on('exit', (_, signal) => resolve(signal)));
      while (!existsSync(deepest) || readFileSync(deepest, 'utf8') === '') await sleep(10);
      await endProcessTree(child.pid!);
      expect(await gone).toBe('SIGKILL');
      while (isAlive(Number(readFileSync(deepest, 'utf8')))) await sleep(10);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('does nothing to what has ended', async () => {
    const child = spawn('true');
    await new Promise((resolve) => child.on('exit', resolve));
    await endProcessTree(child.pid!);
  });
});
