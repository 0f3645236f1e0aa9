/** Output with records in it, and words of the shell. */
import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { MarkedStream } from '../../../../src/drivers/hyperv/guest/marked-stream.ts';
import { scriptReader, shellWord, wholeScript } from '../../../../src/drivers/hyperv/guest/shell-script.ts';

const MARK = 'aabaab0123456789';

test('records come out of the output, wherever it is cut, and the output stays whole', async () => {
  const text = fc.string({ unit: fc.constantFrom('a', 'b', 'aab', '0', '\n', 'aabaab012345678', 'é') });
  const part = fc.oneof(
    text.map((value) => ({ kind: 'text' as const, value })),
    fc.constantFrom(' pid 7', ' status 0', '').map((value) => ({ kind: 'record' as const, value })),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(part), fc.array(fc.nat(40)), async (parts, cuts) => {
      const bytes = Buffer.from(
        parts.map(({ kind, value }) => (kind === 'text' ? value : `${MARK}${value}\n`)).join(''),
      );
      const heard = { text: [] as Buffer[], records: [] as string[] };
      const stream = new MarkedStream(MARK, {
        onText: (chunk) => void heard.text.push(Buffer.from(chunk)),
        onRecord: (record) => heard.records.push(record),
      });
      let at = 0;
      for (const length of cuts) await stream.push(bytes.subarray(at, (at += length)));
      await stream.push(bytes.subarray(at));
      await stream.end();
      const of = (wanted: string): string[] =>
        parts.filter(({ kind }) => kind === wanted).map(({ value }) => value);
      expect(Buffer.concat(heard.text).toString()).toBe(of('text').join(''));
      expect(heard.records).toEqual(of('record'));
    }),
  );
});

test('output that cannot be a mark is not kept back', async () => {
  const heard: string[] = [];
  const stream = new MarkedStream(MARK, {
    onText: (chunk) => void heard.push(chunk.toString()),
    onRecord: () => undefined,
  });
  await stream.push(Buffer.from('Password: aab'));
  expect(heard).toEqual(['Password: ']);
  await stream.push(Buffer.from('!'));
  expect(heard.join('')).toBe('Password: aab!');
});

test('words of the shell are what they were, for whatever shell', () => {
  const words = fc.array(
    fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll('\0', '')),
    { minLength: 1 },
  );
  for (const shell of [['sh'], ['bash']])
    fc.assert(
      fc.property(words, (all) => {
        const script = `printf '%s\\0' ${all.map(shellWord).join(' ')}`;
        const printed = execFileSync(shell[0], [...shell.slice(1), '-c', script], { encoding: 'utf8' });
        expect(printed).toBe(all.map((word) => word + '\0').join(''));
      }),
      { numRuns: 30 },
    );
});

test('a script is read from standard input to its last byte, and what follows is its own', () => {
  const script = wholeScript('echo "é"; cat');
  const read = (input: Buffer): string =>
    execFileSync('sh', ['-c', scriptReader(script.length, true)], {
      input,
      encoding: 'utf8',
      stdio: ['pipe', 'pipe', 'ignore'],
    });
  expect(read(Buffer.concat([script, Buffer.from('rest\n')]))).toBe('é\nrest\n');
  // One that was cut off does nothing.
  expect(() => read(script.subarray(0, -2))).toThrow();
});
