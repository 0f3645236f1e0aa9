/** What anybody learns of a secret who reads all that PowerShell was given to run: Windows can be told to log that. */
import { createDecipheriv } from 'node:crypto';
import { PowerShell } from 'node-powershell';
import { expect, test, vi } from 'vitest';
import { Secret } from '../../../../src/drivers/hyperv/session/values.ts';
import { describeWith } from '../../../support/needs.ts';
import { POWERSHELL_NEEDS } from '../../../support/powershell/engine.ts';
import { sampleSession } from './support.ts';

const SECRET = 'Passw0rd! for the guest';

/** Every text in base64 of a text, and those in these. */
function inside(text: string): string[] {
  const found = [...text.matchAll(/[A-Za-z0-9+/]{8,}={0,2}/g)].map(([part]) => part);
  return found.flatMap((part) => {
    const decoded = Buffer.from(part, 'base64').toString('utf8');
    return [part, ...(decoded.includes('\uFFFD') ? [] : [decoded, ...inside(decoded)])];
  });
}

/** What opens with one of the keys, of all that may be a key or a secret. */
function opened(texts: readonly string[]): string[] {
  const blobs = texts.map((text) => Buffer.from(text, 'base64'));
  const keys = blobs.filter(({ length }) => length === 32);
  const sealed = blobs.filter(({ length }) => length >= 32 && length % 16 === 0);
  return keys.flatMap((key) => sealed.flatMap((blob) => decrypted(blob, key)));
}

function decrypted(blob: Buffer, key: Buffer): string[] {
  try {
    const cipher = createDecipheriv('aes-256-cbc', key, blob.subarray(0, 16));
    return [Buffer.concat([cipher.update(blob.subarray(16)), cipher.final()]).toString('utf8')];
  } catch {
    return [];
  }
}

describeWith(POWERSHELL_NEEDS, 'a secret', () => {
  test('arrives, and is in no text that PowerShell is given to run, nor is what opens it', async () => {
    const spy = vi.spyOn(PowerShell.prototype, 'invoke');
    try {
      await using session = await sampleSession();
      const [answer] = await session.call('Sample\\Get-Bound', { Secret: new Secret(SECRET) });
      expect(answer).toMatchObject({ secret: SECRET });
      const texts = spy.mock.calls.flatMap(([line]) => [line, ...inside(line)]);
      expect(texts.filter((text) => text.includes('$secret'))).not.toHaveLength(0);
      expect(texts.filter((text) => text.includes('mark'))).not.toHaveLength(0);
      for (const text of [...texts, ...opened(texts)]) expect(text).not.toContain(SECRET);
    } finally {
      spy.mockRestore();
    }
  });

  test('is opened by what no program finds that PowerShell starts', async () => {
    await using session = await sampleSession();
    const [{ names }] = (await session.call('Sample\\Get-EnvironmentName')) as { names: string[] }[];
    const known = names.map((name) => name.toUpperCase());
    expect(known).toContain('PATH');
    expect(known).not.toContain('HYPERFILE_SESSION_KEY');
  });
});
