import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseGuestAccess } from '../../../src/drivers/hyperv/guest-access.ts';

const KEY =
  '-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEA\nAAAA==\n-----END OPENSSH PRIVATE KEY-----\n';

describe('the secret guest', () => {
  test.each([
    ['Administrator\nP@ssw0rd\n', { userName: 'Administrator', password: 'P@ssw0rd' }],
    ['Administrator\r\nP@ssw0rd\r\n', { userName: 'Administrator', password: 'P@ssw0rd' }],
    ['\uFEFFAdministrator\r\nP@ssw0rd', { userName: 'Administrator', password: 'P@ssw0rd' }],
    [' CORP\\build \n with spaces \n\n', { userName: 'CORP\\build', password: ' with spaces ' }],
    ['user\n   \n', { userName: 'user', password: '   ' }],
    [`root\n${KEY}`, { userName: 'root', privateKey: KEY }],
    [`root\n\n${KEY}\ncomment\n`, { userName: 'root', privateKey: KEY }],
    [`root\r\n${KEY.replaceAll('\n', '\r\n').trimEnd()}`, { userName: 'root', privateKey: KEY }],
  ])('%j is understood', (text, expected) => {
    expect(parseGuestAccess(text)).toEqual(expected);
  });

  test.each([
    ['', 'SECRET_NO_USER'],
    ['\uFEFF\r\npassword', 'SECRET_NO_USER'],
    ['user', 'SECRET_NO_PASSWORD'],
    ['user\n\n', 'SECRET_NO_PASSWORD'],
    ['user\n\npassword-3e5f\n', 'SECRET_NO_PASSWORD'],
    ['user\npassword-3e5f\nmore\n', 'SECRET_TOO_MANY_LINES'],
    [`user\n${KEY.slice(0, 60)}-3e5f\n`, 'SECRET_KEY_CUT_SHORT'],
  ])('%j is %s, and nothing of it is told', (text, code) => {
    let error: unknown;
    try {
      parseGuestAccess(text);
    } catch (reason) {
      error = reason;
    }
    expect(error).toMatchObject({ code, exitStatus: 2 });
    expect(JSON.stringify(error) + String(error)).not.toContain('3e5f');
  });

  test('keeps every password of one line as it is', () => {
    const line = fc.string({ unit: 'grapheme', minLength: 1 }).filter((text) => !/[\r\n\uFEFF]/.test(text));
    const password = line.filter((text) => !text.trim().startsWith('-----BEGIN'));
    const name = line.filter((text) => text.trim() !== '');
    const end = fc.constantFrom('', '\n', '\r\n', '\n\n');
    fc.assert(
      fc.property(name, password, fc.constantFrom('\n', '\r\n'), end, (userName, secret, newline, last) => {
        expect(parseGuestAccess(`${userName}${newline}${secret}${last}`)).toEqual({
          userName: userName.trim(),
          password: secret,
        });
      }),
    );
  });
});
