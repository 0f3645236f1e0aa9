/** The caches of a build that names none. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { PROJECT_FILE, readCacheDefaults } from '../../src/cache/defaults.ts';
import { testFolder } from '../store/support.ts';

function project(text: string): string {
  const folder = testFolder();
  writeFileSync(path.join(folder, PROJECT_FILE), text);
  return folder;
}

const PROJECT = JSON.stringify({ cache: { from: ['type=local,src=a', 'b'], to: ['type=local,dest=a'] } });

test('without any word there are none', () => {
  expect(readCacheDefaults(testFolder(), {})).toEqual({ from: [], to: [] });
  expect(readCacheDefaults(undefined, {})).toEqual({ from: [], to: [] });
});

test("the project's file names them", () => {
  expect(readCacheDefaults(project(PROJECT), {})).toEqual({
    from: ['type=local,src=a', 'b'],
    to: ['type=local,dest=a'],
  });
  expect(readCacheDefaults(project('{}'), {})).toEqual({ from: [], to: [] });
});

test('the environment wins over the file, each direction for itself', () => {
  const env = { HYPERFILE_CACHE_FROM: 'one two;type=gha\n three' };
  expect(readCacheDefaults(project(PROJECT), env)).toEqual({
    from: ['one', 'two', 'type=gha', 'three'],
    to: ['type=local,dest=a'],
  });
  expect(readCacheDefaults(project(PROJECT), { HYPERFILE_CACHE_TO: '' }).to).toEqual([]);
});

test.each([
  ['{"cache": {"form": []}}', 'cache has no field "form"', 'Did you mean "from"?'],
  ['{"cach": {}}', 'the file has no field "cach"', 'Did you mean "cache"?'],
  ['{"cache": {"from": "one"}}', 'cache.from is not a list of texts', ''],
  ['{"cache": {"to": [1]}}', 'cache.to is not a list of texts', ''],
  ['{"cache": []}', 'cache is not an object', ''],
  ['[]', 'the file is not an object', ''],
  ['{', 'it is not JSON', ''],
])('a file that is wrong is named: %s', (text, problem, hint) => {
  const folder = project(text);
  expect(() => readCacheDefaults(folder, {})).toThrow(
    expect.objectContaining({
      code: 'CACHE_DEFAULTS',
      message: expect.stringContaining(problem) as string,
      hint: expect.stringContaining(hint) as string,
    }),
  );
});
