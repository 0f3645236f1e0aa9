/**
 * Where node-powershell's answer is not what happened: each edge with the bare library, which shows that the test would
 * notice, and with our session. On every system.
 */
import path from 'node:path';
import { PowerShell } from 'node-powershell';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { SessionEvent } from '../../../../../src/drivers/hyperv/session/records.ts';
import type { PowerShellSession } from '../../../../../src/drivers/hyperv/session/session.ts';
import { describeWith } from '../../../../support/needs.ts';
import { POWERSHELL_NEEDS } from '../../../../support/powershell/engine.ts';
import { SAMPLE, sampleSession } from '../support.ts';
import { bareShell, endBare, ending, isBusy, literal, LF_COMMAND } from './bare.ts';
import { nodeProgram } from './node-program.ts';

const OURS = path.resolve(
  import.meta.dirname,
  '../../../../../src/drivers/hyperv/powershell/Hyperfile.HyperV.psd1',
);

describeWith(POWERSHELL_NEEDS, 'in the real PowerShell', () => {
  let session: PowerShellSession;
  /** For edges after which it can go on. */
  let shell: PowerShell;

  beforeAll(async () => {
    session = await sampleSession({ modules: [SAMPLE, OURS] });
    await session.call('Sample\\Get-Echo', { Value: null });
    shell = await bareShell();
  });
  afterEach(async () => {
    // One that answers no more would fail what comes after it, too.
    if (!isBusy(shell)) return;
    await endBare(shell);
    shell = await bareShell();
  });
  afterAll(async () => {
    await endBare(shell);
    await session.close();
  });

  const echo = (value: string) => session.call('Sample\\Get-Echo', { Value: value });
  const bareLines = async (command: string) => (await shell.invoke(command)).raw.split(/\r?\n/);

  test.each([0, 3])(
    'a program that prints nothing and ends with status %i is a success of the library; what our modules run programs with tells the status',
    async (status) => {
      const source = `process.exit(${status})`;
      expect(await shell.invoke(`& ${literal(process.execPath)} -e '${source}'`)).toMatchObject({
        hadErrors: false,
        raw: '',
      });
      const program = { Path: process.execPath, Arguments: `-e ${source}` };
      expect(await session.call('Sample\\Get-ProgramResult', program)).toEqual([{ status, output: '' }]);
    },
  );

  test('text on standard error is a failure of the library, as an error is, and its answer is lost; the session tells them apart', async () => {
    const noise = "'answer'; [Console]::Error.WriteLine('just saying')";
    expect(await ending(shell.invoke(noise))).toBe('InvocationError: just saying');
    expect(await ending(shell.invoke("Write-Error 'failed'"))).toMatch(/^InvocationError: .*failed/s);
    expect(await session.call('Sample\\Write-Noise', { Text: 'just saying\n' })).toEqual(['answer']);
    await expect(session.call('Sample\\Invoke-Failure', { Kind: 'quiet' })).rejects.toMatchObject({
      code: 'HYPERV_IN_USE',
      data: { id: 'Quiet,Invoke-Failure' },
    });
  });

  test('a syntax error is a text of the library, in the language of the host; in the session it is an error like others', async () => {
    expect(await ending(shell.invoke('1 2'))).toMatch(/^InvocationError: .*1 2/s);
    for (const text of ['1 2', 'if (', '}', '"open'])
      await expect(session.call('Sample\\Invoke-Text', { Text: text })).rejects.toMatchObject({
        code: 'POWERSHELL_FAILED',
        data: { id: 'ParseException,Invoke-Text' },
      });
    expect(await session.call('Sample\\Invoke-Text', { Text: '1 +\n\n2' })).toEqual([3]);
  });

  test('blank lines of a here-string vanish in the library; in a value they are lines', async () => {
    const text = 'first\n\n\nlast';
    expect(await bareLines(`@'\n${text}\n'@\n`)).toEqual(['first', 'last']);
    expect(await echo(text)).toEqual([{ value: text }]);
    const hereString = { Text: `@'\n${text}\n'@` };
    expect(await session.call('Sample\\Invoke-Text', hereString)).toEqual([text]);
  });

  test("values quoted by the library stay live; the session's arrive as they are", async () => {
    const values = { 'a$(1+1)b': 'a2b', [`"'; 6 * 7; '`]: '"|42' };
    for (const [value, shown] of Object.entries(values)) {
      expect((await bareLines(PowerShell.command`${value}`)).join('|')).toBe(shown);
      expect(await echo(value)).toEqual([{ value }]);
    }
  });

  test('values with a colon or a comma are rewritten by the library; in the session they are as they were', async () => {
    const value = { path: 'C:\\disks\\a,b.vhdx', address: '10.0.0.1:22' };
    const command = `$value = ${PowerShell.command`${value}`}; $value.path; $value.address`;
    expect(await bareLines(command)).toEqual(['C=\\\\disks\\\\a;b.vhdx', '10.0.0.1=22']);
    expect(await session.call('Sample\\Get-Echo', { Value: value })).toEqual([{ value }]);
  });

  test('warnings and all that is said come from the library among the answer; ours are events', async () => {
    const said = "Write-Information -InformationAction Continue 'i'; Write-Host h; Write-Warning w";
    const lines = await bareLines(`${said}; Write-Verbose -Verbose v; 'answer'`);
    expect(lines.map((line) => line.replace(/^.*: */, ''))).toEqual(['i', 'h', 'w', 'v', 'answer']);
    const long = 'word '.repeat(60).trim();
    const events: SessionEvent[] = [];
    const onEvent = (event: SessionEvent): unknown => events.push(event);
    expect(await session.call('Sample\\Write-All', { Text: long }, { onEvent })).toEqual(['output']);
    expect(events).toContainEqual({ kind: 'warning', text: `warning ${long}` });
  });

  test('objects come from the library as they are shown to people, cut to fit a screen; ours are whole', async () => {
    const [a, b] = ['x'.repeat(300), 'y'.repeat(300)];
    const { raw } = await shell.invoke("[pscustomobject] @{ a = 'x' * 300; b = 'y' * 300 }");
    expect(raw).toContain('xxx');
    expect(raw.replace(/\s/g, '')).not.toContain(b);
    expect(await session.call('Sample\\Get-Echo', { Value: { a, b } })).toEqual([{ value: { a, b } }]);
  });

  test('what stands around an answer is trimmed by the library, and nothing is the same as an empty text; not in the session', async () => {
    for (const command of ["'  x  '", "'x'"]) expect((await shell.invoke(command)).raw).toBe('x');
    for (const command of ['$null', "''", '@()']) expect((await shell.invoke(command)).raw).toBe('');
    for (const value of ['  x  ', 'x', null, '', []])
      expect(await session.call('Sample\\Get-Echo', { Value: value })).toEqual([{ value }]);
  });

  test('bytes that are no text are garbled by the library; ours come as base64', async () => {
    const write =
      '$out = [Console]::OpenStandardOutput(); $out.Write([byte[]] (1, 2, 255), 0, 3); $out.Flush()';
    expect((await shell.invoke(write)).raw).toBe('\u0001\u0002\uFFFD');
    expect(await session.call('Sample\\Get-Kind')).toMatchObject([{ bytes: 'AQL/' }]);
  });

  test('a byte order mark breaks a command of the library; in a value it is a letter', async () => {
    expect(await ending(shell.invoke('\uFEFF"x"'))).not.toBe('resolved');
    expect(await echo('\uFEFFx')).toEqual([{ value: '\uFEFFx' }]);
  });

  test('variables and preferences of one command are there for the next; ours start afresh', async () => {
    const own = await bareShell();
    await own.invoke("$ErrorActionPreference = 'SilentlyContinue'");
    expect((await own.invoke('Get-Item -LiteralPath /nowhere; "went on"')).raw).toBe('went on');
    await endBare(own);
    await session.call('Sample\\Set-Trap');
    await expect(session.call('Sample\\Invoke-Failure', { Kind: 'cmdlet' })).rejects.toMatchObject({
      code: 'HYPERV_NOT_FOUND',
    });
  });

  test("another code page of the console garbles the library's answers, and none of ours", async () => {
    const text = '日本語 é';
    const own = await bareShell();
    // The console's streams are new ones afterwards.
    await own.invoke(`[Console]::OutputEncoding = [Text.Encoding]::GetEncoding(932); ${LF_COMMAND}`);
    expect((await own.invoke(`[Console]::Out.Write('${text}')`)).raw).not.toBe(text);
    await endBare(own);
    await session.call('Sample\\Set-CodePage', { Page: 932 });
    expect(await echo(text)).toEqual([{ value: text }]);
  });

  test('the library keeps every result; the session keeps none, and hands it no output at all', async () => {
    const own = await bareShell();
    for (let time = 0; time < 5; time++) await own.invoke("'x' * 100000");
    expect(own.history).toHaveLength(5);
    await endBare(own);

    const invoke = vi.spyOn(PowerShell.prototype, 'invoke');
    try {
      for (let time = 0; time < 5; time++) await echo('x'.repeat(100_000));
      const [inside] = invoke.mock.contexts as unknown as PowerShell[];
      const results = invoke.mock.results.map(
        ({ value }) => value as Promise<{ raw: string; stdout: Buffer }>,
      );
      for (const { raw, stdout } of await Promise.all(results))
        expect({ raw, length: stdout.length }).toEqual({ raw: '', length: 0 });
      expect(inside.history).toHaveLength(0);
    } finally {
      invoke.mockRestore();
    }
  });

  test('with DEBUG set the library shows every command; the session shows nothing', async () => {
    const theirs = await nodeProgram(
      `const shell = bare(); await shell.invoke('"confidential"'); await shell.dispose()`,
      { DEBUG: '*' },
    );
    expect((await theirs.ended).output).toContain('confidential');
    const mine = await nodeProgram(
      `const session = ours(); await session.call('Sample\\\\Get-Several', { Count: 1 }); await session.close();`,
      { DEBUG: '*' },
    );
    expect(await mine.ended).toEqual({ status: 0, output: '' });
  });
});
