/** The PowerShell of the tests behaves as PowerShell does when a program drives it: what src/drivers/hyperv relies on. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../needs.ts';
import { powershellEngine, POWERSHELL_ENVIRONMENT, POWERSHELL_NEEDS } from './engine.ts';

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly status: number | null;
}

const BARE = ['-NoLogo', '-NoProfile', '-NonInteractive'] as const;
/** What node-powershell starts. */
const DRIVEN = [...BARE, '-NoExit', '-Command', '-'] as const;

describeWith(POWERSHELL_NEEDS, 'the PowerShell of the tests', () => {
  let executable: string;
  let folder: string;

  beforeAll(async () => {
    ({ executable } = await powershellEngine());
    folder = mkdtempSync(path.join(os.tmpdir(), 'hyperfile-engine-'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function run(args: readonly string[], input = ''): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const child = spawn(executable, args, { env: { ...process.env, ...POWERSHELL_ENVIRONMENT } });
      const said = { stdout: '', stderr: '' };
      child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
      child.on('error', reject);
      child.on('close', (status) => resolve({ ...said, status }));
      child.stdin.end(input);
    });
  }

  const driven = (...lines: readonly string[]) => run(DRIVEN, lines.map((line) => `${line}\n`).join(''));

  test('is PowerShell 7 or later, with its core cmdlets in modules beside it', async () => {
    const names = [
      'ConvertTo-Json',
      'Get-Item',
      'Copy-Item',
      'Get-Content',
      'New-Item',
      'Start-Sleep',
      'Invoke-Command',
    ];
    const script = `$PSVersionTable.PSVersion.Major -ge 7; $PSVersionTable.PSEdition;
      (Get-Command -Name ${names.join(',')} | Where-Object CommandType -eq Cmdlet).Count;
      (Get-Command ConvertTo-Json).Module.ModuleBase.StartsWith($PSHOME)`;
    const { stdout, stderr } = await run([...BARE, '-Command', script]);
    expect({ stdout, stderr }).toEqual({ stdout: `True\nCore\n${names.length}\nTrue\n`, stderr: '' });
  });

  test('runs lines of standard input one after the other in one session', async () => {
    const { stdout, stderr, status } = await driven(
      '$x = 20',
      'Set-StrictMode -Version 3',
      '"x is $($x + 1)"',
      '$nothing',
    );
    expect(stdout).toBe('x is 21\n');
    expect(stderr).toContain('$nothing');
    // The last statement failed.
    expect(status).toBe(1);
  });

  test('a line runs as soon as it is complete, before the input ends', async () => {
    const child = spawn(executable, DRIVEN, { env: { ...process.env, ...POWERSHELL_ENVIRONMENT } });
    // A pipe may bring the line in pieces.
    let said = '';
    const answer = new Promise<string>((resolve) =>
      child.stdout.on('data', (bytes: Buffer) => {
        said += String(bytes);
        if (said.endsWith('\n')) resolve(said);
      }),
    );
    child.stdin.write('"now"\n');
    expect(await answer).toBe('now\n');
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.stdin.end();
    await ended;
  });

  test('a statement of several lines ends with an empty line', async () => {
    const { stdout } = await driven('if ($true) {', '"first"', '}', '', '"second"');
    expect(stdout).toBe('first\nsecond\n');
  });

  test('a statement of several lines swallows what follows when no empty line ends it', async () => {
    const { stdout, stderr } = await driven('"before"', 'if ($true) {', '"inside"', '}', '"after"');
    expect({ stdout, stderr }).toEqual({ stdout: 'before\n', stderr: '' });
  });

  test('an incomplete statement is dropped in silence', async () => {
    const { stdout, stderr } = await driven('"before"', '1 +');
    expect({ stdout, stderr }).toEqual({ stdout: 'before\n', stderr: '' });
  });

  test('a syntax error is reported and the next line runs', async () => {
    const { stdout, stderr } = await driven(')', '"goes on"');
    expect(stdout).toBe('goes on\n');
    expect(stderr).toContain("Unexpected token ')'");
  });

  test('errors go to standard error, formatted objects to standard output, and an error does not end the session', async () => {
    const { stdout, stderr, status } = await driven(
      "$ErrorActionPreference = 'Stop'",
      "throw 'broken'",
      "[pscustomobject] @{ Name = 'disk' }",
    );
    expect(stderr).toContain('broken');
    expect(stdout.trim().split('\n')).toEqual(['Name', '----', 'disk']);
    expect(status).toBe(0);
  });

  test('exit ends the session at once, with its code', async () => {
    const { stdout, status } = await driven('exit 7', '"never"');
    expect({ stdout, status }).toEqual({ stdout: '', status: 7 });
  });

  test('the code of a native program is in $LASTEXITCODE', async () => {
    const { stdout } = await driven(`& '${process.execPath}' -e 'process.exit(3)'`, '$LASTEXITCODE');
    expect(stdout).toBe('3\n');
  });

  test('nobody is asked for anything', async () => {
    const { stdout, stderr } = await driven("Read-Host -Prompt 'name'", 'Get-Item', '"goes on"');
    expect(stdout).toBe('goes on\n');
    expect(stderr).toMatch(/NonInteractive/);
    expect(stderr).toMatch(/Path/);
  });

  test('Unicode passes both ways, without a byte order mark', async () => {
    const text = 'é € 😀 日本語';
    const { stdout } = await driven(`"${text}"`, `'${text}'.Length`, `[Console]::Out.WriteLine('${text}')`);
    expect(stdout).toBe(`${text}\n${text.length}\n${text}\n`);
  });

  test('-EncodedCommand, -File with arguments and -ExecutionPolicy', async () => {
    const encoded = Buffer.from('"encoded é"', 'utf16le').toString('base64');
    expect((await run([...BARE, '-EncodedCommand', encoded])).stdout).toBe('encoded é\n');
    const script = path.join(folder, "it's [a] script.ps1");
    writeFileSync(script, 'param([string] $Name, [switch] $Loud)\n"$Name $Loud"\nexit 5\n');
    const { stdout, status } = await run([
      ...BARE,
      '-ExecutionPolicy',
      'Bypass',
      '-File',
      script,
      'a b',
      '-Loud',
    ]);
    expect({ stdout, status }).toEqual({ stdout: 'a b True\n', status: 5 });
  });

  test('modules are imported by their path, and export what they say', async () => {
    const module = path.join(folder, 'Sample.psm1');
    writeFileSync(
      module,
      "function Get-Sample { [CmdletBinding()] param() 'sample' }\nfunction hide { 1 }\nExport-ModuleMember Get-Sample\n",
    );
    const { stdout, stderr } = await driven(`Import-Module '${module}'`, 'Sample\\Get-Sample', 'hide');
    expect(stdout).toBe('sample\n');
    expect(stderr).toContain("'hide'");
  });
});
