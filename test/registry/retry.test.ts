/** Tries again what may pass, within bounds. */
import { describe, expect, test } from 'vitest';
import { HyperfileError } from '../../src/base/error.ts';
import { PassingFailure, retryAfterMs, withRetries } from '../../src/registry/retry.ts';

const POLICY = { attempts: 4, firstPauseMs: 1, longestPauseMs: 4, totalMs: 1000 };
const problem = new HyperfileError('REGISTRY_FAILED', { data: { registry: 'x', status: 500, reason: 'no' } });

function failing(times: number, waitMs?: number): () => Promise<string> {
  let count = 0;
  return async () => {
    if (++count <= times) throw new PassingFailure(problem, waitMs);
    return Promise.resolve(`after ${count}`);
  };
}

describe('what fails for a reason that may pass', () => {
  test('is tried again until it succeeds', async () => {
    expect(await withRetries(POLICY, {}, failing(3))).toBe('after 4');
  });

  test('fails with its problem after the last attempt', async () => {
    await expect(withRetries(POLICY, {}, failing(4))).rejects.toBe(problem);
  });

  test('waits longer each time, but never all together, and at least as long as it is asked to', async () => {
    const pauses: number[] = [];
    const policy = { ...POLICY, attempts: 6, firstPauseMs: 2, longestPauseMs: 8 };
    await withRetries(policy, { onPause: (_, ms) => pauses.push(ms) }, failing(5));
    for (const [index, longest] of [2, 4, 8, 8, 8].entries()) {
      expect(pauses[index]).toBeLessThanOrEqual(longest);
      expect(pauses[index]).toBeGreaterThanOrEqual(longest / 2);
    }
    const asked: number[] = [];
    await withRetries(POLICY, { onPause: (_, ms) => asked.push(ms) }, failing(2, 9));
    expect(asked).toEqual([9, 9]);
  });

  test('is not waited for beyond the bound', async () => {
    const pauses: number[] = [];
    const options = { onPause: (_: HyperfileError, ms: number): unknown => pauses.push(ms) };
    await expect(withRetries(POLICY, options as never, failing(1, 3_600_000))).rejects.toBe(problem);
    expect(pauses).toEqual([]);
  });

  test('is left when interrupted', async () => {
    const signal = AbortSignal.abort();
    await expect(withRetries(POLICY, { signal }, failing(1))).rejects.toMatchObject({ code: 'INTERRUPTED' });
  });
});

test('what fails for good is not tried again', async () => {
  let count = 0;
  const body = (): Promise<never> => {
    count++;
    return Promise.reject(problem);
  };
  await expect(withRetries(POLICY, {}, body)).rejects.toBe(problem);
  expect(count).toBe(1);
});

test('Retry-After is a number of seconds or a date', () => {
  const nowMs = Date.parse('2026-01-01T00:00:00Z');
  expect(retryAfterMs('120', nowMs)).toBe(120_000);
  expect(retryAfterMs(' 0 ', nowMs)).toBe(0);
  expect(retryAfterMs('Thu, 01 Jan 2026 00:00:30 GMT', nowMs)).toBe(30_000);
  expect(retryAfterMs('Wed, 31 Dec 2025 00:00:30 GMT', nowMs)).toBe(0);
  for (const text of [undefined, '', 'soon', '-5', '1e9x']) expect(retryAfterMs(text, nowMs)).toBeUndefined();
});
