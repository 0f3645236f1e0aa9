/** Frames are found in whatever else is printed, however it is cut. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameReader } from '../../../../src/drivers/hyperv/session/frames.ts';

const MARK = '0123456789abcdef01234567';

interface Read {
  readonly records: string[];
  readonly delimiters: string[];
  text: string;
}

function read(output: string, cuts: readonly number[] = []): Read {
  const heard: Read = { records: [], delimiters: [], text: '' };
  const reader = new FrameReader(MARK, {
    onRecord: (json) => heard.records.push(json),
    onDelimiter: (delimiter) => heard.delimiters.push(delimiter),
    onText: (text) => (heard.text += text),
  });
  const places = [0, ...cuts.map((cut) => cut % (output.length + 1)).sort((a, b) => a - b), output.length];
  for (const [index, place] of places.slice(1).entries()) reader.push(output.slice(places[index], place));
  return heard;
}

/** As the other side writes a record, `width` letters of base64 a frame. */
function frames(json: string, width: number): string[] {
  const text = Buffer.from(json, 'utf8').toString('base64');
  const parts = text.match(new RegExp(`.{1,${width}}`, 'g')) ?? [];
  return parts.map((part, index) => `<${MARK}:${index === parts.length - 1 ? 'R' : 'C'}${part}>`);
}

const noise = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('<', `<${MARK}`, '\r\n', '\u001b[?1h', '>'),
);

test('records and delimiters come out whole, with anything between any two frames and cut anywhere', () => {
  const record = fc.record({
    json: fc.string({ unit: 'grapheme', minLength: 1 }),
    width: fc.constantFrom(4, 40, 3000),
  });
  fc.assert(
    fc.property(fc.array(record), fc.infiniteStream(noise), fc.array(fc.nat()), (records, noises, cuts) => {
      const output = records.flatMap(({ json, width }) => [
        ...frames(json, width),
        `<${MARK}:DABCabc0123456789>`,
      ]);
      const between = [...noises.take(output.length)];
      const heard = read(output.map((frame, index) => `${between[index]}${frame}`).join(''), cuts);
      expect(heard.records).toEqual(records.map(({ json }) => json));
      expect(heard.delimiters).toEqual(records.map(() => 'ABCabc0123456789'));
      expect(heard.text).toBe(between.join(''));
    }),
  );
});

test('a frame that something was printed into is no frame, and the next one is', () => {
  const [broken] = frames('{"kind":"output"}', 3000);
  const whole = frames('{"kind":"end"}', 3000).join('');
  const heard = read(`${broken.slice(0, 40)}noise!${broken.slice(40)}${whole}`);
  expect(heard.records).toEqual(['{"kind":"end"}']);
  expect(heard.text).toContain('noise!');
});

test('a record that lost a frame in its middle is not joined to the one before', () => {
  const [first] = frames('x'.repeat(100), 40);
  const heard = read(`${first}<${MARK}:C!>${frames('{}', 40).join('')}`);
  expect(heard.records).toEqual(['{}']);
});

test('the beginning of a frame that never ends does not hold back what follows', () => {
  const heard = read(`<${MARK}:R${'A'.repeat(5000)} <${MARK}:DAAAA>`);
  expect(heard.delimiters).toEqual(['AAAA']);
});

test('frames of another session are printed text', () => {
  const heard = read('<ffffffffffffffffffffffff:RAAAA>');
  expect(heard.records).toEqual([]);
  expect(heard.text).toBe('<ffffffffffffffffffffffff:RAAAA>');
});
