import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bitmap } from '../../src/bytes/bitmap.ts';

const LENGTH = 150;
const range = fc
  .tuple(fc.nat(LENGTH), fc.nat(LENGTH))
  .map(([a, b]) => ({ start: Math.min(a, b), end: Math.max(a, b) }));

describe('a bitmap', () => {
  it('behaves like a plain array of booleans', () => {
    const change = fc.record({ set: fc.boolean(), range });
    fc.assert(
      fc.property(fc.array(change), range, (changes, looked) => {
        const model = new Array<boolean>(LENGTH).fill(false);
        const bitmap = new Bitmap(LENGTH);
        for (const { set, range } of changes) {
          const differing = model.slice(range.start, range.end).filter((bit) => bit !== set).length;
          model.fill(set, range.start, range.end);
          const { start, end } = range;
          expect(set ? bitmap.setRange(start, end) : bitmap.clearRange(start, end)).toBe(differing);
        }
        expect(Array.from({ length: LENGTH }, (_, i) => bitmap.has(i))).toEqual(model);
        expect(bitmap.count).toBe(model.filter(Boolean).length);
        const fromRuns = new Array<boolean>(LENGTH).fill(false);
        for (const { start, end } of bitmap.runs(looked.start, looked.end)) fromRuns.fill(true, start, end);
        expect(fromRuns).toEqual(model.map((bit, i) => bit && i >= looked.start && i < looked.end));
      }),
    );
  });

  it('can be had longer, with nothing new in it', () => {
    const bitmap = new Bitmap(40);
    bitmap.setRange(30, 40);
    const longer = bitmap.extended(200);
    expect([longer.length, longer.count]).toEqual([200, 10]);
    expect([...longer.runs()]).toEqual([{ start: 30, end: 40 }]);
    longer.setRange(40, 50);
    expect(bitmap.count).toBe(10);
  });

  it('comes back from its bytes, least significant bit first', () => {
    const bitmap = new Bitmap(20);
    bitmap.setRange(0, 1);
    bitmap.setRange(9, 12);
    expect([...bitmap.bytes().subarray(0, 3)]).toEqual([1, 0b1110, 0]);
    expect(Bitmap.fromBytes(bitmap.bytes(), 20)).toEqual(bitmap);
    expect(Bitmap.fromBytes(Uint8Array.of(0xff, 0xff, 0xff), 20).count).toBe(20);
  });

  it('takes in another one', () => {
    const [one, two] = [new Bitmap(LENGTH), new Bitmap(LENGTH)];
    one.setRange(0, 40);
    two.setRange(30, 100);
    one.union(two);
    expect(one.count).toBe(100);
    expect([...one.runs()]).toEqual([{ start: 0, end: 100 }]);
  });
});
