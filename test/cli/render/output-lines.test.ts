import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { cleanLine, OutputLines } from '../../../src/cli/render/output-lines.ts';

/** Everything a command may print that matters here. */
const output = fc.string({
  unit: fc.constantFrom('a', 'ü', '漢', ' ', '\t', '\r', '\n', '\u001b[31m', '\u0007', '\b'),
});

describe('the output of a command', () => {
  test.each([
    ['plain', 'plain'],
    ['\u001b[1;31mred\u001b[0m', 'red'],
    ['\u001b]0;title\u0007text', 'text'],
    ['with CR LF\r', 'with CR LF'],
    [' 10%\r 50%\r100%', '100%'],
    ['bell\u0007 and \u0000zero', 'bell and zero'],
    ['tab\there', 'tab\there'],
    ['\u009b2Jcleared', 'cleared'],
  ])('%j is shown as %j', (line, shown) => {
    expect(cleanLine(line)).toBe(shown);
  });

  test('gives the same lines however it is cut into chunks', () => {
    fc.assert(
      fc.property(output, fc.array(fc.nat(40)), (text, cuts) => {
        const lines = new OutputLines();
        const shown: string[] = [];
        let start = 0;
        for (const end of [...cuts.sort((left, right) => left - right), text.length]) {
          shown.push(...lines.push(text.slice(start, Math.max(start, end))));
          start = Math.max(start, end);
        }
        shown.push(...lines.flush());
        const whole = text.split('\n').map(cleanLine);
        if (whole.at(-1) === '') whole.pop();
        expect(shown).toEqual(whole);
      }),
    );
  });

  test('never lets a control character through', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        // eslint-disable-next-line no-control-regex -- they are what must not be there
        expect(cleanLine(text.replaceAll('\n', ''))).not.toMatch(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f]/);
      }),
    );
  });

  test('without an end of line is shown as it stands, and does not grow without bound', () => {
    const lines = new OutputLines();
    lines.push('Password: ');
    expect(lines.current).toBe('Password: ');
    let emitted = 0;
    for (let chunk = 0; chunk < 1000; chunk++) emitted += lines.push('x'.repeat(1000)).length;
    expect(emitted).toBeGreaterThan(50);
    expect(lines.current.length).toBeLessThan(20_000);
  });
});
