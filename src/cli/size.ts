/** Sizes as people write and read them. */
import { HyperfileError } from '../base/error.ts';
import { readSize } from '../base/size.ts';

const POWERS = ['', 'K', 'M', 'G', 'T', 'P'];

/**
 * Bytes of a size like `64G`, `10GiB`, `1.5T` or `500MB`. A bare letter counts in powers of 1024 (as in Docker and
 * QEMU), `KB` to `PB` in powers of 1000.
 *
 * @throws HyperfileError CLI_BAD_SIZE
 */
export function parseSize(value: string): number {
  const read = readSize(value);
  if (read.sizeBytes !== undefined) return read.sizeBytes;
  throw new HyperfileError('CLI_BAD_SIZE', { data: { value: JSON.stringify(value), problem: read.problem } });
}

/**
 * Bytes of a place on a disk, written like a size; zero is one.
 * @throws HyperfileError CLI_BAD_SIZE
 */
export function parseOffset(value: string): number {
  return /^0+$/.test(value.trim()) ? 0 : parseSize(value);
}

/** `1.5 GiB`, `176 KiB`, `0 B`: three significant digits. */
export function formatSize(sizeBytes: number): string {
  let value = sizeBytes;
  let power = 0;
  while (value >= 999.5 && power < POWERS.length - 1) {
    value /= 1024;
    power += 1;
  }
  const digits = power === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  const text = value.toFixed(digits);
  return `${text.includes('.') ? text.replace(/\.?0+$/, '') : text} ${POWERS[power] ?? ''}${power === 0 ? 'B' : 'iB'}`;
}
