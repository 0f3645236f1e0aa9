import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { readSecret } from '../../src/build/secrets.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-secrets-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array) {
  const found = path.join(folder, name);
  writeFileSync(found, content);
  return { type: 'file', path: found } as const;
}

describe('a secret', () => {
  test('is the text of its file, whatever wrote it', async () => {
    const text = 'Адмін\r\nP@ss\r\n';
    expect(await readSecret('guest', file('plain', text))).toBe(text);
    expect(await readSecret('guest', file('marked', `\uFEFF${text}`))).toBe(text);
    expect(await readSecret('guest', file('powershell', Buffer.from(`\uFEFF${text}`, 'utf16le')))).toBe(text);
  });

  test('comes from the environment, empty too', async () => {
    const source = { type: 'env', variable: 'GUEST' } as const;
    expect(await readSecret('guest', source, { GUEST: 'me\npw' })).toBe('me\npw');
    expect(await readSecret('guest', source, { GUEST: '' })).toBe('');
    await expect(readSecret('guest', source, {})).rejects.toMatchObject({
      code: 'SECRET_NO_VARIABLE',
      message: 'the secret guest is to come from the variable GUEST, which is not set',
    });
  });

  test('comes from a pipe', async () => {
    const pipe = path.join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const read = readSecret('guest', { type: 'file', path: pipe });
    writeFileSync(pipe, 'user\npassword\n');
    expect(await read).toBe('user\npassword\n');
  });

  test.each([
    ['SECRET_NOT_FOUND', () => ({ type: 'file', path: path.join(folder, 'none') }) as const],
    ['SECRET_UNREADABLE', () => ({ type: 'file', path: folder }) as const],
    ['SECRET_TOO_LARGE', () => file('large', Buffer.alloc(500 * 1024 + 1, 'x'))],
    ['SECRET_ENCODING', () => file('latin', Buffer.from('user\npässword-9c1d', 'latin1'))],
  ])('that cannot be read is %s, and nothing of it is told', async (code, source) => {
    const error = await readSecret('guest', source()).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code, exitStatus: 2 });
    expect(JSON.stringify(error) + String(error)).not.toContain('9c1d');
  });

  test('may be as large as Docker allows', async () => {
    expect(await readSecret('guest', file('full', Buffer.alloc(500 * 1024, 'x')))).toHaveLength(500 * 1024);
  });
});
