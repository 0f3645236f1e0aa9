import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatAge, parseDuration } from '../../src/cli/age.ts';
import { formatSize, parseSize } from '../../src/cli/size.ts';

describe('sizes', () => {
  test.each([
    ['64G', 64 * 1024 ** 3],
    ['10GiB', 10 * 1024 ** 3],
    ['10gib', 10 * 1024 ** 3],
    ['512m', 512 * 1024 ** 2],
    ['1.5T', 1.5 * 1024 ** 4],
    ['10GB', 10 * 1000 ** 3],
    ['4096', 4096],
    ['4096B', 4096],
    [' 2 K ', 2048],
  ])('%s are %d bytes', (text, sizeBytes) => {
    expect(parseSize(text)).toBe(sizeBytes);
  });

  test.each(['', 'G', '-1G', '10Q', '10 G B', '1e3', '0', '0G', '1.3', '99999P', '0x10', 'NaN', '1iB', '١G'])(
    '%j is none',
    (text) => {
      expect(() => parseSize(text)).toThrow(expect.objectContaining({ code: 'CLI_BAD_SIZE', exitStatus: 2 }));
    },
  );

  test.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '0.98 KiB'],
    [1024, '1 KiB'],
    [180224, '176 KiB'],
    [1024 * 1023.9, '1 MiB'],
    [1536 * 1024 ** 2, '1.5 GiB'],
    [64 * 1024 ** 3, '64 GiB'],
  ])('%d bytes are shown as %s', (sizeBytes, text) => {
    expect(formatSize(sizeBytes)).toBe(text);
  });

  test('that are shown are near what they were, and short', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 52 }), (sizeBytes) => {
        const text = formatSize(sizeBytes);
        expect(text.length).toBeLessThanOrEqual('0.98 KiB'.length);
        const [number, unit] = text.split(' ');
        const shown = Number(number) * 1024 ** ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'].indexOf(unit ?? '');
        expect(Math.abs(shown - sizeBytes)).toBeLessThanOrEqual(0.01 * sizeBytes);
      }),
    );
  });
});

describe('lengths of time', () => {
  test.each([
    ['90s', 90_000],
    ['30m', 1_800_000],
    ['24h', 86_400_000],
    ['7d', 604_800_000],
  ])('%s are %d milliseconds', (text, durationMs) => {
    expect(parseDuration(text)).toBe(durationMs);
  });

  test.each(['', '7', 'd', '7w', '1.5h', '-1h'])('%j is none', (text) => {
    expect(() => parseDuration(text)).toThrow(expect.objectContaining({ code: 'CLI_BAD_DURATION' }));
  });

  test.each([
    ['2026-01-01T00:00:00Z', 'just now'],
    ['2025-12-31T23:59:59Z', '1 second ago'],
    ['2025-12-31T21:00:00Z', '3 hours ago'],
    ['2025-12-30T00:00:00Z', '2 days ago'],
    ['2023-12-01T00:00:00Z', '2 years ago'],
  ])('%s was %s', (moment, text) => {
    expect(formatAge(moment, Date.parse('2026-01-01T00:00:00Z'))).toBe(text);
  });
});
