/**
 * Where node-powershell never answers: each edge with the bare library, which shows that the test would notice, and with
 * our session. On every system.
 */
import path from 'node:path';
import { PowerShell } from 'node-powershell';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Shell } from '../../../../../src/drivers/hyperv/session/shell.ts';
import type { PowerShellSession } from '../../../../../src/drivers/hyperv/session/session.ts';
import { describeWith } from '../../../../support/needs.ts';
import {
  powershellEngine,
  POWERSHELL_ENVIRONMENT,
  POWERSHELL_NEEDS,
} from '../../../../support/powershell/engine.ts';
import { isAlive, PROGRAM, sampleSession, temporaryFolder, written } from '../support.ts';
import {
  bareShell,
  endBare,
  ending,
  hangs,
  literal,
  losesDelimiters,
  losesNoDelimiters,
  newLineCommand,
  send,
} from './bare.ts';

describeWith(POWERSHELL_NEEDS, 'in the real PowerShell', () => {
  let session: PowerShellSession;

  beforeAll(async () => {
    session = await sampleSession();
    await session.call('Sample\\Get-Echo', { Value: null });
  });
  afterAll(() => session.close());

  const echo = (value: string) => session.call('Sample\\Get-Echo', { Value: value });

  test.concurrent.each([
    ['several lines', 'if ($true) {\n"inside"\n}'],
    ['an incomplete line', '1 +'],
    ['an open brace', 'if ($true) {'],
    ['an open quote', "'it"],
    ['an open here-string', '@"\nhere\n'],
    ['a syntax error at the end', 'if ('],
    ['quotes that the library has put around quotes', PowerShell.command`${'say "it\'s"'}`],
  ])('%s: the library never ends the command; for the session it is a text', async (_, text) => {
    const shell = await bareShell();
    const call = shell.invoke(text);
    call.catch(() => undefined);
    expect(await hangs(call)).toBe(true);
    await endBare(shell);
    expect(await echo(text)).toEqual([{ value: text }]);
  });

  test('the session refuses to send a command of several lines', async () => {
    const { executable } = await powershellEngine();
    const shell = new Shell({
      executable,
      env: { ...process.env, ...POWERSHELL_ENVIRONMENT },
      onRecord: () => undefined,
    });
    for (const line of ['a\nb', 'a\rb', '\uFEFFa']) await expect(shell.run(line)).rejects.toThrow('one line');
    // None of them has reached it. One that has not started yet would not end in time.
    await shell.run('$null');
    expect((await shell.close()).how).toBe('with exit code 0');
  });

  test('lines that end with CR LF: the library loses a delimiter; a hundred calls of the session lose none', async () => {
    const shell = await bareShell();
    await losesNoDelimiters(shell);
    send(shell, newLineCommand(13, 10));
    expect(await losesDelimiters(shell)).toBe(true);
    await endBare(shell);
    for (let time = 0; time < 100; time++)
      expect(await session.call('Sample\\Write-Noise', { Text: 'noise\r\n' })).toEqual(['answer']);
  });

  test('programs that print all the while: the library loses a delimiter, the session no answer', async () => {
    const shell = await bareShell();
    const start = `@{ FileName = ${literal(process.execPath)}; Arguments = ${literal(`--no-warnings "${PROGRAM}" tick`)}; UseShellExecute = $false }`;
    send(shell, `$null = [Diagnostics.Process]::Start([Diagnostics.ProcessStartInfo] ${start})`);
    expect(await losesDelimiters(shell)).toBe(true);
    await endBare(shell);

    await session.call('Sample\\Start-Printer', { Node: process.execPath });
    try {
      const value = 'é日'.repeat(20_000);
      for (let time = 0; time < 5; time++) expect(await echo(value)).toEqual([{ value }]);
    } finally {
      await session.call('Sample\\Stop-Printer');
    }
  });

  test('a question without -NonInteractive takes the delimiter for its answer and hangs; in the session it fails', async () => {
    const shell = await bareShell({ executableOptions: { '-NoProfile': true } });
    const call = shell.invoke('Read-Host -Prompt name');
    call.catch(() => undefined);
    expect(await hangs(call)).toBe(true);
    await endBare(shell);
    for (const kind of ['prompt', 'choice'])
      await expect(session.call('Sample\\Invoke-Failure', { Kind: kind })).rejects.toMatchObject({
        code: 'POWERSHELL_FAILED',
      });
  });

  test('a time-out of the library has no words and cancels nothing; ours is named and the next call runs', async () => {
    using folder = temporaryFolder();
    const marker = path.join(folder.path, 'pid');
    const shell = await bareShell();
    // From here on; to start takes its time.
    Object.assign(shell, { invocationTimeout: 1000 });
    expect(await ending(shell.invoke('Start-Sleep -Seconds 600'))).toBe('InvocationError: ');
    // The next one waits behind it, and its own time-out cancels nothing either.
    expect(await ending(shell.invoke('2'))).toBe('InvocationError: ');
    await endBare(shell);

    await using ours = await sampleSession();
    expect(await ours.call('Sample\\Get-Echo', { Value: 1 })).toEqual([{ value: 1 }]);
    await expect(
      ours.call('Sample\\Wait-Long', { Marker: marker }, { timeoutMs: 4000 }),
    ).rejects.toMatchObject({
      code: 'POWERSHELL_TIMEOUT',
      message: 'Sample\\Wait-Long did not end within 4 s',
    });
    expect(isAlive(Number(await written(marker)))).toBe(false);
    expect(await ours.call('Sample\\Get-Echo', { Value: 2 })).toEqual([{ value: 2 }]);
  });
});
