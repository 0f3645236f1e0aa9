import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Sandbox } from '../../../src/drivers/driver.ts';
import type { NamespaceDriver } from '../../../src/drivers/namespace/driver.ts';
import { describeWith } from '../../support/needs.ts';
import { GUEST_NEEDS, run, sh, Workplace } from '../support/guest.ts';
import { lastingLeftovers } from '../../support/traces.ts';

for (const runtime of ['crun', 'runc']) {
  describeWith([...GUEST_NEEDS, 'bash', runtime], `a command started by ${runtime}`, () => {
    let place: Workplace;
    let driver: NamespaceDriver;
    let sandbox: Sandbox;
    let refusal: string | undefined;

    beforeAll(async () => {
      place = new Workplace();
      const maker = place.driver();
      const chain = await place.makeGuest(maker);
      await maker.close();
      driver = place.driver({ runtime });
      sandbox = await driver.open({ chain, sandboxPath: place.layerPath(), root: place.root });
      refusal = await sh(sandbox, 'true').then(
        () => undefined,
        (error: Error) => error.message,
      );
    });

    afterAll(async () => {
      await driver.close();
      expect(await lastingLeftovers(place.stateFolder)).toEqual([]);
      place.remove();
    });

    test('sees what the built-in launcher would show it', async ({ skip }) => {
      skip(refusal !== undefined, refusal);
      const { stdout } = await sh(
        sandbox,
        'id -u; id -G; echo $HOME; hostname; grep CapBnd /proc/self/status; pwd',
        {
          user: 'alice',
          workdir: '/srv',
        },
      );
      expect(stdout).toBe('1000\n1000 29 50\n/home/alice\nhyperfile\nCapBnd:\t00000000a80425fb\n/srv\n');
      expect((await run(sandbox, ['cat'], { stdin: 'text' })).stdout).toBe('text');
      expect((await sh(sandbox, 'echo a >/dev/stdout; echo b >&2')).stdout).toBe('a\n');
      expect((await sh(sandbox, 'ls /sys/class/net', { network: 'none' })).stdout).toBe('lo\n');
    });

    test('ends with its own status, and with 127 or 126 when it cannot begin', async ({ skip }) => {
      skip(refusal !== undefined, refusal);
      expect((await sh(sandbox, 'exit 3')).status).toBe(3);
      expect((await run(sandbox, ['no-such-program'])).status).toBe(127);
      expect((await run(sandbox, ['/etc/passwd'])).status).toBe(126);
    });

    test('is gone when it is interrupted', async ({ skip }) => {
      skip(refusal !== undefined, refusal);
      const controller = new AbortController();
      const running = run(sandbox, ['sh', '-c', 'trap "" TERM; sleep 1000'], {}, controller.signal);
      setTimeout(() => controller.abort(), 500);
      await expect(running).rejects.toMatchObject({ code: 'INTERRUPTED' });
      expect(execFileSync(runtime, ['list', '-q'], { encoding: 'utf8' })).not.toContain(
        `hyperfile-${process.pid}-`,
      );
    });

    test('that the runtime refuses to start is an error with its reason, not a status', ({ skip }) => {
      skip(refusal === undefined, `${runtime} works here`);
      expect(refusal).toMatch(/^the command could not be started: ./);
    });
  });
}
