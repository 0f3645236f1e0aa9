import fc from 'fast-check';
import { expect, test } from 'vitest';
import { escapeFileName } from '../../src/store/layout.ts';

test('different texts have file names that differ even where case does not count', () => {
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: fc.constantFrom('a', 'A', '%', '~', '.') }),
  );
  fc.assert(
    fc.property(text, text, (one, two) => {
      const same = escapeFileName(one).toLowerCase() === escapeFileName(two).toLowerCase();
      expect(same).toBe(Buffer.from(one).equals(Buffer.from(two)));
    }),
    { numRuns: 1000 },
  );
});

test('every file name is one that Linux and Windows allow', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: 'binary', minLength: 1 }), fc.constant('x/'.repeat(300))),
      (text) => {
        expect(escapeFileName(text)).toMatch(/^[a-z0-9_%~-]{1,200}$/);
      },
    ),
  );
  for (const name of ['con', 'CON', 'nul', 'com1', 'lpt9', 'aux', 'prn']) {
    expect(escapeFileName(name)).toMatch(/^%/);
    expect(escapeFileName(`${name}:latest`)).not.toMatch(/[.:]/);
  }
  expect(escapeFileName('web-1_a')).toBe('web-1_a');
});
