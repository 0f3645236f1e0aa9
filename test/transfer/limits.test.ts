/** How much happens at the same time, and how it ends together. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { concurrencyFrom, Limiter, together } from '../../src/transfer/limits.ts';

const { signal } = new AbortController();

test('no more tasks run at once than the limit says, and they begin in their order', async () => {
  const limiter = new Limiter(3);
  const begun: number[] = [];
  let running = 0;
  let most = 0;
  const tasks = Array.from({ length: 20 }, (_, number) =>
    limiter.run(signal, async () => {
      begun.push(number);
      most = Math.max(most, ++running);
      for (let turn = 0; turn < (number % 4) + 1; turn++) await nextTurn();
      running--;
      if (number % 5 === 0) throw new Error('of one task');
    }),
  );
  const results = await Promise.allSettled(tasks);
  expect(most).toBe(3);
  expect(begun).toEqual(Array.from({ length: 20 }, (_, number) => number));
  expect(results.filter(({ status }) => status === 'rejected')).toHaveLength(4);
});

test('a task that waits when the signal fires never begins', async () => {
  const limiter = new Limiter(1);
  const stop = new AbortController();
  const first = limiter.run(signal, () => nextTurn());
  let began = false;
  const second = limiter.run(stop.signal, () => {
    began = true;
    return Promise.resolve();
  });
  stop.abort();
  await expect(second).rejects.toMatchObject({ code: 'INTERRUPTED' });
  await first;
  expect(began).toBe(false);
  expect(await limiter.run(signal, () => Promise.resolve(7))).toBe(7);
});

test('the first failure is the one that is thrown, when all have ended', async () => {
  const ended: string[] = [];
  const tasks = [
    async (shared: AbortSignal): Promise<void> => {
      while (!shared.aborted) await nextTurn();
      await nextTurn();
      ended.push('slow');
      throw new Error('of being told to stop');
    },
    async (): Promise<void> => {
      await nextTurn();
      throw new Error('the first');
    },
  ];
  await expect(together(signal, tasks)).rejects.toThrow('the first');
  expect(ended).toEqual(['slow']);
  expect(await together(signal, [])).toEqual([]);
});

test('the environment may say how many blobs move at once', () => {
  expect(concurrencyFrom({})).toBe(4);
  expect(concurrencyFrom({ HYPERFILE_CONCURRENCY: '' })).toBe(4);
  expect(concurrencyFrom({ HYPERFILE_CONCURRENCY: '16' })).toBe(16);
  for (const value of ['0', '65', '-1', '4.5', 'many', '1e3']) {
    expect(() => concurrencyFrom({ HYPERFILE_CONCURRENCY: value })).toThrow(
      expect.objectContaining({ code: 'TRANSFER_CONCURRENCY_INVALID', exitStatus: 2 }),
    );
  }
});
