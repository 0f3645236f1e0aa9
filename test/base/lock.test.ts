import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { acquireLock, lockHolder, tryLock, waitForLock, withLock } from '../../src/base/lock.ts';
import { ownerIsGone, ownerPid, ownerTag, startByPs } from '../../src/base/owner.ts';
import { testWith } from '../support/needs.ts';
import { poseAs } from '../support/pose-as.ts';

function lockPath(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-lock-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return path.join(folder, 'lock');
}

function startHolder(lock: string, times: number): ChildProcess {
  const child = spawn(process.execPath, [
    path.join(import.meta.dirname, 'lock-holder.ts'),
    lock,
    String(times),
  ]);
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

/** What a process said, after it ended. */
async function ended(child: ChildProcess): Promise<string> {
  const [output] = await Promise.all([text(child.stdout!), once(child, 'exit')]);
  return output;
}

describe('a lock', () => {
  test('is held by one at a time, in the order of nobody in particular', async () => {
    const lock = lockPath();
    let inside = 0;
    await Promise.all(
      Array.from({ length: 10 }, () =>
        withLock(lock, {}, async () => {
          expect(++inside).toBe(1);
          await sleep(1);
          inside--;
        }),
      ),
    );
    expect(existsSync(lock)).toBe(false);
  });

  test('is given up when the work under it fails', async () => {
    const lock = lockPath();
    await expect(withLock(lock, {}, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(lockHolder(lock)).toBeUndefined();
  });

  test('says who holds it, once, and gives up waiting in time', async () => {
    const lock = lockPath();
    const held = await acquireLock(lock);
    const waits: number[] = [];
    const waiting = acquireLock(lock, { timeoutMs: 50, onWait: ({ pid }) => waits.push(pid) });
    await expect(waiting).rejects.toMatchObject({
      code: 'LOCK_TIMEOUT',
      data: { path: lock, pid: process.pid },
    });
    expect(waits).toEqual([process.pid]);
    held.release();
    held.release();
    (await acquireLock(lock)).release();
  });

  test('is not waited for after an interruption', async () => {
    const lock = lockPath();
    const held = await acquireLock(lock);
    const interruption = new AbortController();
    const waiting = acquireLock(lock, { signal: interruption.signal });
    interruption.abort();
    await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' });
    held.release();
  });

  test('can be waited for without being taken', async () => {
    const lock = lockPath();
    await waitForLock(lock);
    const held = await acquireLock(lock);
    let free = false;
    const waiting = waitForLock(lock).then(() => (free = true));
    await sleep(10);
    expect(free).toBe(false);
    held.release();
    await waiting;
  });

  test('of a dead process is taken over, also when the one taking it over died', async () => {
    const lock = lockPath();
    symlinkSync('999999999-1-0-1.aaaaaaaa', lock);
    symlinkSync('999999998-1-0-1.bbbbbbbb', `${lock}.aaaaaaaa`);
    expect(lockHolder(lock)).toBeUndefined();
    const held = await acquireLock(lock);
    expect(lockHolder(lock)).toMatchObject({ pid: process.pid });
    held.release();
    expect(readdirSync(path.dirname(lock))).toEqual([]);
  });

  test('taken over from somebody given up for dead is not removed by them', async () => {
    const lock = lockPath();
    const first = await acquireLock(lock);
    rmSync(lock);
    const second = await acquireLock(lock);
    first.release();
    expect(lockHolder(lock)).toBeDefined();
    second.release();
  });

  test('keeps processes apart while others are killed', async () => {
    const lock = lockPath();
    const steady = [startHolder(lock, 60), startHolder(lock, 60)].map(ended);
    let running = true;
    const outputs = Promise.all(steady).finally(() => (running = false));
    const victims: Promise<string>[] = [];
    while (running) {
      const victim = startHolder(lock, 1e6);
      victims.push(ended(victim));
      await sleep(60 + Math.random() * 60);
      victim.kill('SIGKILL');
    }
    expect(await outputs).toEqual(['done\n', 'done\n']);
    expect((await Promise.all(victims)).join('')).toBe('');
    // Nobody is left; the next one only has to clear up.
    (await acquireLock(lock)).release();
    expect(tryLock(lock)).toHaveProperty('release');
  });
});

describe('an owner', () => {
  test('is alive while its process runs, gone when it has ended, even if nobody has taken note', async () => {
    expect(ownerIsGone(ownerTag(), 0)).toBe(false);
    expect(ownerPid(ownerTag())).toBe(process.pid);
    const child = spawn(process.execPath, ['-e', 'setTimeout(() => {}, 60000)']);
    const tag = ownerTag().replace(/^\d+-\d+/, (own) => `${child.pid}-${own.split('-')[1]}`);
    // The same process id, but started at another time: somebody else by now.
    expect(ownerIsGone(tag, Date.now())).toBe(process.platform === 'linux');
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(ownerIsGone(tag, Date.now())).toBe(true);
  });

  test.runIf(process.platform === 'linux')(
    'of an earlier boot is gone; one in another container is, after a day',
    () => {
      const [pid, start, boot, namespace] = ownerTag().split('-');
      expect(ownerIsGone([pid, start, '0123abcd', namespace].join('-'), Date.now())).toBe(true);
      const elsewhere = [pid, start, boot, '1'].join('-');
      expect(ownerIsGone(elsewhere, Date.now())).toBe(false);
      expect(ownerIsGone(elsewhere, Date.now() - 25 * 3_600_000)).toBe(true);
      expect(ownerIsGone('nonsense', Date.now())).toBe(false);
    },
  );

  testWith(['ps'], 'on macOS is known by when its process started', () => {
    const start = startByPs(process.pid);
    expect(Number(start) * 1000).toBeGreaterThan(Date.now() - process.uptime() * 1000 - 10_000);
    expect(Number(start) * 1000).toBeLessThan(Date.now() + 2000);
    expect(startByPs(999_999_999)).toBeUndefined();
    const [, , boot, namespace] = ownerTag().split('-');
    poseAs('darwin');
    expect(ownerIsGone([process.pid, start, boot, namespace].join('-'), 0)).toBe(false);
    expect(ownerIsGone([process.pid, Number(start) - 60, boot, namespace].join('-'), 0)).toBe(true);
    expect(ownerIsGone([process.pid, 'x', boot, namespace].join('-'), 0)).toBe(false);
    expect(ownerIsGone([999_999_999, start, boot, namespace].join('-'), 0)).toBe(true);
  });
});
