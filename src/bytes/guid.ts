/**
 * GUIDs in Microsoft's binary form: the first three fields are little endian, the rest are bytes in order. Their text is
 * lower case without braces everywhere in this project.
 */
import { randomUUID } from 'node:crypto';

export const ZERO_GUID = '00000000-0000-0000-0000-000000000000';

const PATTERN = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;
/** Where each byte of the printed order lies in the binary form. */
const ORDER = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];

/** A fresh random GUID (version 4). */
export function randomGuid(): string {
  return randomUUID();
}

/** Text of a 16-byte binary GUID. */
export function formatGuid(bytes: Uint8Array): string {
  const hex = ORDER.map((index) => (bytes[index] ?? 0).toString(16).padStart(2, '0')).join('');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** True for a GUID's text without braces, in either case. */
export function isGuid(text: string): boolean {
  return PATTERN.test(text);
}

/** The 16 bytes of a GUID's text. Throws a TypeError for anything that is not one. */
export function parseGuid(text: string): Uint8Array {
  if (!isGuid(text)) throw new TypeError(`not a GUID: ${text}`);
  const hex = text.replaceAll('-', '');
  const bytes = new Uint8Array(16);
  ORDER.forEach((index, i) => {
    bytes[index] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16);
  });
  return bytes;
}
