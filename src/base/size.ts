/** Sizes as people write them. */

const POWERS = ['', 'K', 'M', 'G', 'T', 'P'];

/**
 * Bytes of a size like `64G`, `10GiB`, `1.5T` or `500MB`, or what is wrong with it. A bare letter counts in powers of
 * 1024 (as in Docker and QEMU), `KB` to `PB` in powers of 1000.
 */
export function readSize(
  text: string,
): { readonly sizeBytes: number } | { readonly sizeBytes?: undefined; readonly problem: string } {
  const match = /^(\d+(?:\.\d+)?)\s*(?:([KMGTP])?(i?B)?)$/i.exec(text.trim());
  if (!match) return { problem: 'a number with a unit is expected, such as 64G or 512MiB' };
  const [, digits = '', letter = '', suffix = ''] = match;
  if (letter === '' && suffix.toLowerCase() === 'ib') return { problem: 'the unit lacks its letter' };
  const base = letter !== '' && suffix.toLowerCase() === 'b' ? 1000 : 1024;
  const sizeBytes = Number(digits) * base ** POWERS.indexOf(letter.toUpperCase());
  if (!Number.isInteger(sizeBytes)) return { problem: 'it is no whole number of bytes' };
  if (sizeBytes === 0) return { problem: 'it must be more than zero' };
  if (!Number.isSafeInteger(sizeBytes)) return { problem: 'it is too large' };
  return { sizeBytes };
}
