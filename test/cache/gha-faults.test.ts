/** What goes wrong with GitHub's cache service is one warning. */
import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { openImporter } from '../../src/cache/importer.ts';
import { describeWith } from '../support/needs.ts';
import { FROM, GHA_NEEDS, ghaSetting } from './gha-support.ts';
import { step } from './support.ts';

describeWith(GHA_NEEDS, "GitHub's cache service", () => {
  const setting = ghaSetting();
  const { exported, io } = setting;

  test.each([
    ['limits requests', 60_000, { call: 'GetCacheEntryDownloadURL', status: 429 } as const, 'Rate limited'],
    [
      'lets nobody in',
      60_000,
      { call: 'GetCacheEntryDownloadURL', status: 403, message: 'forbidden' } as const,
      '403',
    ],
    [
      'never answers',
      1500,
      { call: 'GetCacheEntryDownloadURL', hang: true } as const,
      'no answer within 1.5 s',
    ],
    [
      'fails again and again',
      1500,
      { call: 'GetCacheEntryDownloadURL', status: 500 } as const,
      'no answer within 1.5 s',
    ],
  ])('that %s is one warning', async (_what, lookupTimeoutMs, fault, says) => {
    setting.service.faults.push(fault);
    const from = await io({ lookupTimeoutMs });
    const importer = openImporter([FROM], from);
    await Promise.all([1, 2, 3].map((number) => importer.lookup(step(number).key)));
    await importer.lookup(step(4).key);
    await importer.close();
    expect(from.warnings()).toEqual([expect.stringContaining(says) as string]);
    expect(from.warnings()[0]).toContain('cache gha web: ');
  });

  test.each([
    ['refuses entries', { call: 'CreateCacheEntry', status: 429 } as const, '429'],
    [
      'refuses entries of this job',
      { call: 'CreateCacheEntry', status: 403, message: 'cache write denied: untrusted' } as const,
      'cache write denied',
    ],
    [
      'does not finish entries',
      { call: 'FinalizeCacheEntryUpload', status: 400, message: 'too big' } as const,
      'too big',
    ],
  ])('that %s is one warning of the export', async (_what, fault, says) => {
    setting.service.faults.push(fault);
    const from = await exported(randomBytes(1000));
    expect(from.warnings()).toEqual([expect.stringContaining(says) as string]);
    expect(from.warnings()[0]).not.toContain(setting.service.env.ACTIONS_RUNTIME_TOKEN);
    expect(from.warnings()[0]).not.toContain('c2lnbmVk');
  });

  test('that fails once is asked again by the package', async () => {
    await exported(randomBytes(1000));
    setting.service.faults.push({ call: 'GetCacheEntryDownloadURL', status: 503, times: 1 });
    const from = await io();
    const importer = openImporter([FROM], from);
    expect(await importer.lookup(step(1).key)).toBeDefined();
    await importer.close();
    expect(from.warnings()).toEqual([]);
  });

  test('that gives wrong bytes is one warning', async () => {
    await exported(randomBytes(1000));
    setting.service.faults.push({ call: 'get', corrupt: true });
    const from = await io();
    const importer = openImporter([FROM], from);
    expect(await importer.lookup(step(1).key)).toBeUndefined();
    await importer.close();
    expect(from.warnings()).toHaveLength(1);
  });
});
