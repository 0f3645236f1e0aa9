/**
 * Where node-powershell hangs or lies over what Windows' PowerShell prints, byte by byte, which the tests' own cannot show:
 * fake-powershell.ts in its place. With the bare library, and with our session.
 */
import { chmodSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { PowerShell } from 'node-powershell';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { PowerShellSession } from '../../../../../src/drivers/hyperv/session/session.ts';
import { describeWith } from '../../../../support/needs.ts';
import { temporaryFolder, written } from '../support.ts';
import { endBare, hangs } from './bare.ts';

const SH = process.platform === 'win32' ? ['a shell'] : ['sh'];

describeWith(SH, 'with what Windows prints', () => {
  const folder = temporaryFolder();
  const executable = path.join(folder.path, 'powershell');
  let run = 0;

  beforeAll(() => {
    const fake = path.join(import.meta.dirname, 'fake-powershell.ts');
    writeFileSync(executable, `#!/bin/sh\nexec '${process.execPath}' '${fake}' "$@"\n`);
    chmodSync(executable, 0o755);
  });
  afterAll(() => folder[Symbol.dispose]());

  /** A bare call, known to be answered when this returns. */
  async function bareCall(behaviour: string): Promise<{ shell: PowerShell; call: Promise<{ raw: string }> }> {
    const log = path.join(folder.path, `log-${++run}`);
    vi.stubEnv('NODE_POWERSHELL', executable);
    const env = { ...process.env, FAKE_POWERSHELL: behaviour, FAKE_LOG: log };
    const shell = new PowerShell({ spawnOptions: { env } });
    vi.unstubAllEnvs();
    const call = shell.invoke('anything');
    call.catch(() => undefined);
    await written(log);
    return { shell, call };
  }

  function fakeSession(behaviour: string): PowerShellSession {
    return new PowerShellSession({ executable, env: { FAKE_POWERSHELL: behaviour }, modules: [] });
  }

  /** Many, because some losses need several. */
  async function callsSucceed(behaviour: string): Promise<void> {
    await using session = fakeSession(behaviour);
    for (let number = 0; number < 100; number++)
      expect(await session.call('Get-Echo', { number })).toEqual([{ number }]);
  }

  test('the library answers when nothing is unusual', async () => {
    const { shell, call } = await bareCall('');
    expect((await call).raw).toBe('ran');
    await endBare(shell);
    await callsSucceed('');
  });

  test.each([
    ['lines that end with CR LF', 'crlf'],
    ['what is printed after the delimiter', 'late-output'],
    ['both', 'crlf,late-output'],
  ])('%s: the library waits for ever, the session does not', async (_, behaviour) => {
    const { shell, call } = await bareCall(behaviour);
    expect(await hangs(call)).toBe(true);
    await endBare(shell);
    await callsSucceed(behaviour);
  });

  test('a program that takes our lines for its input: the library waits for ever, the session asks again', async () => {
    const { shell, call } = await bareCall('eats-input');
    expect(await hangs(call)).toBe(true);
    await endBare(shell);
    await using session = fakeSession('eats-input');
    for (let number = 0; number < 2; number++)
      expect(await session.call('Get-Echo', { number })).toEqual([{ number }]);
  });

  test("text in the console's code page: the library garbles it, answers of the session have none", async () => {
    const { shell, call } = await bareCall('code-page');
    expect((await call).raw).not.toContain('日本語');
    expect((await call).raw).toContain('\uFFFD');
    await endBare(shell);
    await using session = fakeSession('code-page,crlf');
    expect(await session.call('Get-Echo', { text: '日本語' })).toEqual([{ text: '日本語' }]);
  });

  test('what is printed into an answer fails the call by name, and the next one gets a new PowerShell', async () => {
    await using session = fakeSession('prints-into-frames');
    for (let time = 0; time < 2; time++)
      await expect(session.call('Get-Echo', {})).rejects.toMatchObject({ code: 'POWERSHELL_UNANSWERED' });
  });

  test('no answer at all is an error that shows what came instead', async () => {
    await using session = fakeSession('forgets-answers');
    await expect(session.call('Get-Echo', {})).rejects.toMatchObject({
      code: 'POWERSHELL_UNANSWERED',
      message: 'PowerShell gave no answer to Get-Echo: something else',
    });
  });
});
