import { spawn } from 'node:child_process';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { interruptible } from '../../src/cli/interrupt.ts';
import { builtCommand } from '../support/built-command.ts';
import { poseAs } from '../support/pose-as.ts';

const WORKER = path.join(import.meta.dirname, 'interrupted-work.ts');

/** Starts work that takes until it is interrupted, sends it signals as it says it is ready for them. */
function interrupt(mode: 'tidy' | 'stuck', signals: readonly NodeJS.Signals[]) {
  return new Promise<{ status: number | null; out: string }>((resolve) => {
    const child = spawn(process.execPath, [WORKER, mode], { stdio: ['ignore', 'pipe', 'inherit'] });
    const left = [...signals];
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString();
      if (/(working|interrupted)[^\n]*\n$/.test(out)) {
        const signal = left.shift();
        if (signal) child.kill(signal);
      }
    });
    child.on('close', (status) => resolve({ status, out }));
  });
}

describe('Ctrl-C', () => {
  test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)(
    'as %s stops the work, waits for its clean-up and ends with 130',
    async (signal) => {
      const { status, out } = await interrupt('tidy', [signal]);
      expect(out).toMatch(/^working\ninterrupted: cleaning up.*\ncleaned\n$/);
      expect(status).toBe(130);
    },
  );

  test('once more ends at once', async () => {
    const { status, out } = await interrupt('stuck', ['SIGINT', 'SIGINT']);
    expect(out).not.toContain('cleaned');
    expect(status).toBe(130);
  });
});

test('Ctrl-Break stops the work on Windows', async () => {
  poseAs('win32');
  const told: string[] = [];
  const announce = (message: string) => void told.push(message);
  const work = interruptible(announce, async (signal) => {
    process.emit('SIGBREAK');
    return Promise.resolve(signal.aborted);
  });
  expect(await work).toBe(true);
  expect(told).toHaveLength(1);
  expect(process.listenerCount('SIGBREAK')).toBe(0);
});

describe('a reader that goes away', () => {
  test('is no error', async () => {
    const child = spawn(process.execPath, [builtCommand(), 'help', 'build'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.destroy();
    let err = '';
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const status = await new Promise((resolve) => child.on('close', resolve));
    expect(err).toBe('');
    expect(status).toBe(0);
  });
});
