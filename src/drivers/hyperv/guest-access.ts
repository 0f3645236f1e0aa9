/**
 * The secrets of guests as text: the user's name on the first line, then the password on the second, or a private key on
 * the lines that follow. Line ends of either system and a byte order mark are fine. `guest` is of the account that guests
 * are entered with; `guest.NAME` is of another one, for commands that run as NAME.
 */
import { HyperfileError } from '../../base/error.ts';
import type { GuestAccess } from './guest/guest.ts';

/** The secret of the account that guests are entered with. */
export const GUEST_SECRET = 'guest';

const KEY_START = /^-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----$/;
const KEY_END = /^-----END [A-Z0-9 ]*PRIVATE KEY-----$/;

/**
 * Reads a secret. Spaces around the user's name are dropped, those of a password are part of it.
 *
 * @param secret its id, for errors
 * @throws HyperfileError SECRET_NO_USER, SECRET_NO_PASSWORD, SECRET_KEY_CUT_SHORT, SECRET_TOO_MANY_LINES; what the secret
 *   holds is in none of them
 */
export function parseGuestAccess(text: string, secret: string = GUEST_SECRET): GuestAccess {
  const data = { secret };
  const [first = '', ...rest] = text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/);
  const userName = first.trim();
  if (userName === '') throw new HyperfileError('SECRET_NO_USER', { data });
  if (rest.every((line) => line === '')) throw new HyperfileError('SECRET_NO_PASSWORD', { data });
  const keyStart = rest.findIndex((line) => line.trim() !== '');
  if (KEY_START.test(rest[keyStart]?.trim() ?? '')) {
    return { userName, privateKey: readKey(rest.slice(keyStart), secret) };
  }
  const [password = '', ...more] = rest;
  if (password === '') throw new HyperfileError('SECRET_NO_PASSWORD', { data });
  if (more.some((line) => line.trim() !== '')) throw new HyperfileError('SECRET_TOO_MANY_LINES', { data });
  return { userName, password };
}

/** As OpenSSH writes it, with a line end at its end: without one it does not take a key. */
function readKey(lines: readonly string[], secret: string): string {
  const end = lines.findIndex((line) => KEY_END.test(line.trim()));
  if (end === -1) throw new HyperfileError('SECRET_KEY_CUT_SHORT', { data: { secret } });
  return lines
    .slice(0, end + 1)
    .map((line) => `${line.trim()}\n`)
    .join('');
}

/** An account's name as Windows compares them: `.\Bob`, `MACHINE\bob` and `BOB` are one. */
export function accountName(user: string): string {
  return bareName(user).toLowerCase();
}

/** The id of the secret that a command which runs as `user` asks for. */
export function secretOfUser(user: string): string {
  return `${GUEST_SECRET}.${bareName(user)}`;
}

function bareName(user: string): string {
  return user.replace(/^[^\\]*\\/, '');
}
