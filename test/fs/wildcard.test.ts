import { describe, expect, it } from 'vitest';
import { compileWildcard, hasWildcard } from '../../src/fs/wildcard.ts';

describe('a wildcard', () => {
  it.each([
    ['*.txt', 'a.txt', true],
    ['*.txt', 'd/a.txt', false],
    ['*', '.hidden', true],
    ['a?c', 'abc', true],
    ['a?c', 'a/c', false],
    ['a?', 'aé', true],
    ['[a-c]1', 'b1', true],
    ['[^a-c]1', 'b1', false],
    ['[^a-c]1', 'z1', true],
    ['arr[[]0].txt', 'arr[0].txt', true],
    ['a\\*b', 'a*b', true],
    ['a\\*b', 'axb', false],
    ['a.c', 'abc', false],
    ['(a|b)+$', '(a|b)+$', true],
    ['[\\]]', ']', true],
  ])('%s against %s: %s', (pattern, name, expected) => {
    expect(compileWildcard(pattern)?.test(name)).toBe(expected);
  });

  it.each(['[', '[]', '[a', '[a-', '[a-]', '[-a]', 'a\\', '[z-a]'])('%s is malformed', (pattern) => {
    expect(compileWildcard(pattern)).toBeUndefined();
  });

  it('is known unless it is escaped', () => {
    expect(['a*', 'a?', '[a]', 'plain', '\\*'].map(hasWildcard)).toEqual([true, true, true, false, false]);
  });
});
