/** Why a step was not found. */
import { expect, test } from 'vitest';
import { explainMiss } from '../../src/cache/explain.ts';
import type { ListedRecord } from '../../src/cache/record-list.ts';

function record(inputs: unknown, created = '2026-01-01T00:00:00.000Z'): ListedRecord {
  return { key: 'k', inputs, created, layerCount: 1, ownBytes: 0 };
}

const run = (argv: readonly string[], more: object = {}): Record<string, unknown> => ({
  scheme: 1,
  parent: 'a',
  instruction: { kind: 'run', argv, env: { LANG: 'C' }, ...more },
  reads: [],
});

test('names the field that changed since the nearest earlier step', () => {
  const earlier = [record(run(['sh', '-c', 'make'])), record(run(['sh', '-c', 'other'], { user: 'x' }))];
  const { nearest, changes } = explainMiss(run(['sh', '-c', 'make'], { env: { LANG: 'de' } }), earlier);
  expect(nearest).toBe(earlier[0]);
  expect(changes).toEqual([{ field: 'instruction.env.LANG', before: 'C', after: 'de' }]);
});

test('names what a step reads, what was added and what went', () => {
  const copy = (reads: readonly string[], instruction: object): unknown => ({
    scheme: 1,
    parent: 'a',
    instruction: { kind: 'copy', ...instruction },
    reads,
  });
  const { changes } = explainMiss(copy(['2', '3'], { mode: '0600' }), [record(copy(['1'], { owner: '0' }))]);
  expect(changes).toEqual([
    { field: 'instruction.mode', after: '0600' },
    { field: 'instruction.owner', before: '0' },
    { field: 'reads[0]', before: '1', after: '2' },
    { field: 'reads[1]', after: '3' },
  ]);
});

test('takes another parent for nearer than another command, and of equals the newest', () => {
  const wanted = { ...run(['a']), parent: 'new' };
  const old = record(run(['a']), '2026-01-01T00:00:00.000Z');
  const recent = record(run(['a']), '2026-02-01T00:00:00.000Z');
  const other = record({ ...run(['b']), parent: 'new' }, '2026-03-01T00:00:00.000Z');
  const { nearest, changes } = explainMiss(wanted, [old, recent, other]);
  expect(nearest).toBe(recent);
  expect(changes).toEqual([{ field: 'parent', before: 'a', after: 'new' }]);
});

test('has nothing to compare with when no earlier step is of the kind', () => {
  expect(
    explainMiss(run(['a']), [record({ instruction: { kind: 'copy' } }), record(undefined), record('x')]),
  ).toEqual({ changes: [] });
  expect(explainMiss(undefined, [record(run(['a']))])).toEqual({ changes: [] });
});
