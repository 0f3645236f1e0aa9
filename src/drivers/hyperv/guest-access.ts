/**
 * The secret `guest` as text: the user's name on the first line, then the password on the second, or a private key on the
 * lines that follow. Line ends of either system and a byte order mark are fine.
 */
import { HyperfileError } from '../../base/error.ts';
import type { GuestAccess } from './guest/guest.ts';

const KEY_START = /^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----$/;
const KEY_END = /^-----END [A-Z0-9 ]*PRIVATE KEY-----$/;

/**
 * Reads the secret. Spaces around the user's name are dropped, those of a password are part of it.
 *
 * @throws HyperfileError SECRET_NO_USER, SECRET_NO_PASSWORD, SECRET_KEY_CUT_SHORT, SECRET_TOO_MANY_LINES; what the secret
 *   holds is in none of them
 */
export function parseGuestAccess(text: string): GuestAccess {
  const [first = '', ...rest] = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  const userName = first.trim();
  if (userName === '') throw new HyperfileError('SECRET_NO_USER');
  if (rest.every((line) => line === '')) throw new HyperfileError('SECRET_NO_PASSWORD');
  const keyStart = rest.findIndex((line) => line.trim() !== '');
  if (KEY_START.test(rest[keyStart]?.trim() ?? '')) {
    return { userName, privateKey: readKey(rest.slice(keyStart)) };
  }
  const [password = '', ...more] = rest;
  if (password === '') throw new HyperfileError('SECRET_NO_PASSWORD');
  if (more.some((line) => line.trim() !== '')) throw new HyperfileError('SECRET_TOO_MANY_LINES');
  return { userName, password };
}

/** As OpenSSH writes it, with a line end at its end: without one it does not take a key. */
function readKey(lines: readonly string[]): string {
  const end = lines.findIndex((line) => KEY_END.test(line.trim()));
  if (end === -1) throw new HyperfileError('SECRET_KEY_CUT_SHORT');
  return lines
    .slice(0, end + 1)
    .map((line) => `${line.trim()}\n`)
    .join('');
}
