import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fitText, justify, textWidth } from '../../../src/cli/render/text-width.ts';

describe('text on a terminal', () => {
  test.each([
    ['', 0],
    ['abc', 3],
    ['é', 1],
    ['e\u0301', 1],
    ['漢字', 4],
    ['👍', 2],
  ])('%j takes %d columns', (text, columns) => {
    expect(textWidth(text)).toBe(columns);
  });

  test('fits any width it is cut to', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat(30), (text, columns) => {
        const fitted = fitText(text, columns);
        expect(textWidth(fitted)).toBeLessThanOrEqual(columns);
        if (textWidth(text) <= columns) expect(fitted).toBe(columns === 0 ? '' : text);
      }),
    );
  });

  test('stands at both edges of a line, and the left part gives way', () => {
    fc.assert(
      fc.property(
        fc.string(),
        fc.stringMatching(/^[a-z0-9]{0,8}$/),
        fc.integer({ min: 1, max: 60 }),
        (left, right, columns) => {
          const line = justify(left, right, columns).join('');
          expect(textWidth(line)).toBeLessThanOrEqual(columns);
          if (right !== '' && columns > right.length + 2) expect(line.endsWith(`  ${right}`)).toBe(true);
        },
      ),
    );
  });
});
