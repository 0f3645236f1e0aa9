/**
 * Edges of node-powershell that need a POSIX system: its signals, its terminals, and children that outlive their parent
 * (Windows ends those of a Node that is killed). With the bare library, and with our session.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test, vi } from 'vitest';
import { describeWith } from '../../../../support/needs.ts';
import { POWERSHELL_NEEDS } from '../../../../support/powershell/engine.ts';
import { isAlive, sampleSession, temporaryFolder, until, written } from '../support.ts';
import { bareEnvironment, bareShell, endBare, ending, lookAway, losesDelimiters } from './bare.ts';
import { nodeProgram } from './node-program.ts';

const POSIX = process.platform === 'win32' ? ['a POSIX system'] : [];
const ESCAPE = '\u001b[?1h';

describeWith([...POSIX, ...POWERSHELL_NEEDS], 'in the real PowerShell', () => {
  test("escape sequences for the user's terminal: the library loses a delimiter; the session writes none, and would lose none", async () => {
    const env = bareEnvironment({ TERM: 'xterm', NO_COLOR: undefined });
    const shell = await bareShell({ spawnOptions: { env } });
    expect(await losesDelimiters(shell)).toBe(true);
    await endBare(shell);

    vi.stubEnv('TERM', 'xterm');
    for (const more of [{}, { TERM: 'xterm', NO_COLOR: undefined }]) {
      await using session = await sampleSession({ env: more });
      for (let number = 0; number < 2; number++) {
        const call = session.call('Sample\\Get-Echo', { Value: number });
        await lookAway();
        expect(await call).toEqual([{ value: number }]);
      }
      const last = await ending(session.call('Sample\\Stop-Session', { Code: 3 }));
      expect(last).toContain('last words');
      expect(last.includes(ESCAPE)).toBe('TERM' in more);
    }
    vi.unstubAllEnvs();
  });

  test.each(['SIGTERM', 'SIGKILL'] as const)('%s from outside in the middle of a call', async (signal) => {
    using folder = temporaryFolder();
    const [theirs, marker] = [path.join(folder.path, 'theirs'), path.join(folder.path, 'ours')];
    const shell = await bareShell();
    const call = ending(shell.invoke(`[IO.File]::WriteAllText('${theirs}', $PID); Start-Sleep -Seconds 600`));
    process.kill(Number(await written(theirs)), signal);
    if (signal === 'SIGTERM') expect(await call).toBe('resolved');
    else expect(await call).toMatch(/^ProcessError: /);

    await using ours = await sampleSession();
    const lost = ours.call('Sample\\Wait-Long', { Marker: marker });
    lost.catch(() => undefined);
    process.kill(Number(await written(marker)), signal);
    await expect(lost).rejects.toMatchObject({ code: 'POWERSHELL_LOST' });
  });

  test('when Node is killed a busy PowerShell of the library lives on; ours ends', async () => {
    using folder = temporaryFolder();
    const [theirs, mine] = [path.join(folder.path, 'theirs'), path.join(folder.path, 'mine')];
    const bareProgram = await nodeProgram(
      `await bare().invoke("[IO.File]::WriteAllText('${theirs}', $PID); Start-Sleep -Seconds 600")`,
    );
    const ourProgram = await nodeProgram(
      `await ours().call('Sample\\\\Wait-Long', { Marker: ${JSON.stringify(mine)} })`,
    );
    const [their, my] = [Number(await written(theirs)), Number(await written(mine))];
    process.kill(bareProgram.pid, 'SIGKILL');
    process.kill(ourProgram.pid, 'SIGKILL');
    await until(() => !isAlive(my));
    expect(isAlive(their)).toBe(true);
    process.kill(their, 'SIGKILL');
    expect(existsSync(mine) && readFileSync(mine, 'utf8')).toBe(String(my));
  });
});
