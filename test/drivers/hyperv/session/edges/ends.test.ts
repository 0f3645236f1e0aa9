/**
 * What node-powershell makes of an end, its own or PowerShell's: each edge with the bare library, which shows that the test
 * would notice, and with our session. On every system.
 */
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { describeWith } from '../../../../support/needs.ts';
import { POWERSHELL_NEEDS } from '../../../../support/powershell/engine.ts';
import { isAlive, PROGRAM, sampleSession, temporaryFolder, until, written } from '../support.ts';
import { bareShell, ending, hangs, literal, MOMENT_MS } from './bare.ts';
import { nodeProgram } from './node-program.ts';

describeWith(POWERSHELL_NEEDS, 'in the real PowerShell', () => {
  test('dispose makes a running call of the library succeed and a waiting one hang; close rejects both', async () => {
    using folder = temporaryFolder();
    const shell = await bareShell();
    const begun = path.join(folder.path, 'begun');
    const sleeping = `[IO.File]::WriteAllText(${literal(begun)}, $PID); Start-Sleep -Seconds 600`;
    const [running, waiting] = [shell.invoke(sleeping), shell.invoke('2')];
    await written(begun);
    await shell.dispose();
    expect(await ending(running)).toBe('resolved');
    expect(await hangs(waiting)).toBe(true);

    const ours = await sampleSession();
    const marker = path.join(folder.path, 'pid');
    const calls = [
      ours.call('Sample\\Wait-Long', { Marker: marker }),
      ours.call('Sample\\Get-Echo', { Value: 1 }),
    ];
    const ends = Promise.allSettled(calls);
    const pid = Number(await written(marker));
    await ours.close();
    expect(isAlive(pid)).toBe(false);
    expect(
      (await ends).map((end) => end.status === 'rejected' && (end.reason as { code: string }).code),
    ).toEqual(['POWERSHELL_CLOSED', 'POWERSHELL_CLOSED']);
    await ours.close();
  });

  test('dispose leaves what PowerShell has started; close does not', async () => {
    using folder = temporaryFolder();
    const [left, ended] = [path.join(folder.path, 'left'), path.join(folder.path, 'ended')];
    const shell = await bareShell();
    const program = [process.execPath, PROGRAM, 'wait', left].map(literal);
    const call = shell.invoke(`& ${program.join(' ')}`);
    call.catch(() => undefined);
    const pid = Number(await written(left));
    await shell.dispose().catch(() => undefined);
    await sleep(MOMENT_MS);
    expect(isAlive(pid)).toBe(true);
    process.kill(pid);

    const ours = await sampleSession();
    const running = ours.call('Sample\\Invoke-Program', { Node: process.execPath, Marker: ended });
    running.catch(() => undefined);
    const child = Number(await written(ended));
    await ours.close();
    await until(() => !isAlive(child));
  });

  test.each([0, 3])(
    'exit %i in the middle of a call: what the library makes of it, and what the session does',
    async (code) => {
      const shell = await bareShell();
      const end = await ending(shell.invoke(`[Environment]::Exit(${code})`));
      if (code === 0) expect(end).toBe('resolved');
      else expect(end).toMatch(/^ProcessError: /);
      // After a ProcessError, dispose rejects too.
      if (code !== 0) expect(await ending(shell.dispose())).toMatch(/^ProcessError: /);

      await using ours = await sampleSession();
      await expect(ours.call('Sample\\Stop-Session', { Code: code })).rejects.toMatchObject({
        code: 'POWERSHELL_LOST',
        message: `PowerShell ended with exit code ${code} while Sample\\Stop-Session ran: last words`,
      });
      expect(await ours.call('Sample\\Get-Echo', { Value: 1 })).toEqual([{ value: 1 }]);
    },
  );

  test('a PowerShell that is not there is an unhandled rejection of the library, and a named error of ours', async () => {
    const theirs = await nodeProgram('new PowerShell()', { NODE_POWERSHELL: '/nowhere/pwsh' });
    const bareEnd = await theirs.ended;
    expect(bareEnd.status).toBe(1);
    expect(bareEnd.output).toContain('ProcessError');
    const mine = await nodeProgram(`const session = new PowerShellSession({ executable: '/nowhere/pwsh' });
      await session.call('Get-Echo').catch((error) => console.log(error.code, error.message));
      await session.close();`);
    expect(await mine.ended).toEqual({
      status: 0,
      output: 'POWERSHELL_MISSING /nowhere/pwsh could not be started: ENOENT\n',
    });
  });

  test("the library's time limit for a session keeps Node alive when it is over; ours leaves nothing", async () => {
    const report = `console.log(process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length); process.exit()`;
    const theirs = await nodeProgram(
      `const shell = bare({ disposeTimeout: 600_000 }); await shell.invoke('1'); await shell.dispose(); ${report}`,
    );
    expect((await theirs.ended).output.trim()).toBe('1');
    const mine = await nodeProgram(
      `const session = ours(); await session.call('Sample\\\\Get-Several', { Count: 1 }); await session.close(); ${report}`,
    );
    expect((await mine.ended).output.trim()).toBe('0');
    // And without being told to exit, it does.
    const free = await nodeProgram(
      `const session = ours(); console.log((await session.call('Sample\\\\Get-Several', { Count: 1 })).length); await session.close();`,
    );
    expect(await free.ended).toEqual({ status: 0, output: '1\n' });
  });
});
