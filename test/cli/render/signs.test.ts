import { expect, test } from 'vitest';
import { signsFor } from '../../../src/cli/render/signs.ts';
import { textWidth } from '../../../src/cli/render/text-width.ts';

const LINE = '✔ ● ✖ ■ ⇅ → ━━──';

test("Windows' own console gets signs that its fonts have, as wide as the others", () => {
  const plain = signsFor({ SystemRoot: 'C:\\Windows' }, 'win32')(LINE);
  expect(plain).toBe('√ ● × ■ ↕ → ══──');
  expect(textWidth(plain)).toBe(textWidth(LINE));
});

test('Windows Terminal, editors and all other systems get them as they are', () => {
  for (const env of [{ WT_SESSION: '1' }, { TERM_PROGRAM: 'vscode' }, { TERM: 'xterm-256color' }])
    expect(signsFor(env, 'win32')(LINE)).toBe(LINE);
  for (const platform of ['linux', 'darwin'] as const) expect(signsFor({}, platform)(LINE)).toBe(LINE);
});
