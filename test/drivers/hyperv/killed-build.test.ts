/** A build that is killed between any two operations on the host leaves nothing that the next command does not remove. */
import { spawn } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { cleanStaleSessions } from '../../../src/drivers/drivers.ts';
import { describeWith } from '../../support/needs.ts';
import { STANDIN_NEEDS } from '../../support/powershell/standin/standin.ts';
import { HyperVSite } from './site.ts';

vi.setConfig({ testTimeout: 900_000, hookTimeout: 300_000 });

interface Ended {
  readonly status: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly out: string;
}

describeWith(STANDIN_NEEDS, 'a build that is killed', () => {
  const site = new HyperVSite();

  beforeAll(async () => {
    await site.prepare();
    for (const [name, value] of Object.entries(site.standIn.environment)) vi.stubEnv(name, value);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await site.remove();
  });

  function build(seal: string, last?: number): Promise<Ended> {
    const script = path.join(import.meta.dirname, 'killed-build.ts');
    const args = [script, site.store, site.base, seal, ...(last === undefined ? [] : [String(last)])];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    return new Promise((resolve) => child.on('close', (status, signal) => resolve({ status, signal, out })));
  }

  /** A build seals what it can; that is the store's to keep or not. */
  function removeLayers(): void {
    for (const name of readdirSync(site.store).filter((file) => /^(one|two|three)\.vhdx$/.test(file)))
      rmSync(path.join(site.store, name));
  }

  test.each(['shutdown', 'checkpoint'])(
    'before any call of PowerShell leaves what the next command removes, with seals by %s',
    async (seal) => {
      const whole = await build(seal);
      expect(whole).toMatchObject({ status: 0, signal: null });
      removeLayers();
      site.expectClean();
      const count = Number(whole.out);
      expect(count).toBeGreaterThan(15);
      for (let last = 2; last <= count; last++) {
        expect(await build(seal, last)).toMatchObject({ signal: 'SIGKILL' });
        // PowerShell ends with the command that started it; the next one does not wait for that.
        expect(await cleanStaleSessions(site.store)).toBe(1);
        expect(readdirSync(site.store)).not.toContain('three.vhdx');
        removeLayers();
        site.expectClean();
      }
    },
  );
});
