/**
 * Our PowerShell modules against the rules of the house: read by PowerShell's own parser, every call checked against the
 * documented parameter sets, and what Windows PowerShell 5.1 does not have found by its reference assemblies.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../../../support/needs.ts';
import { dotnetBuild } from '../../../support/powershell/dotnet-build.ts';
import { powershellEngine, POWERSHELL_ENVIRONMENT } from '../../../support/powershell/engine.ts';
import { layModules } from '../../../support/powershell/standin/module/build-module.ts';
import { STANDIN_NEEDS } from '../../../support/powershell/standin/standin.ts';
import { problemsOf, type CommandCall } from './call-problems.ts';

const OURS = path.resolve(import.meta.dirname, '../../../../src/drivers/hyperv/powershell');
const BAD = path.join(import.meta.dirname, 'bad');

interface Finding {
  readonly at: string;
  readonly rule: string;
  readonly text: string;
}

interface Report {
  readonly findings: readonly Finding[];
  readonly calls: readonly CommandCall[];
  /** `TYPE|STATIC MEMBER`, by .NET's full names. */
  readonly members: readonly string[];
}

describeWith(STANDIN_NEEDS, 'our PowerShell modules', () => {
  let folder: string;
  let ours: Report;
  let bad: Report;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'hyperfile-rules-'));
    // With the documented cmdlets in reach, the engine binds to them.
    await layModules(folder);
    [ours, bad] = await Promise.all([check(OURS), check(BAD)]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  async function check(modules: string): Promise<Report> {
    const { executable } = await powershellEngine();
    const script = path.join(import.meta.dirname, 'rules.ps1');
    const args = ['-NoLogo', '-NoProfile', '-NonInteractive', '-File', script, '-Folder', modules];
    const env = { ...process.env, ...POWERSHELL_ENVIRONMENT, PSModulePath: folder };
    const { stdout } = await promisify(execFile)(executable, args, { env, maxBuffer: 2 ** 26 });
    return JSON.parse(stdout) as Report;
  }

  test('keep all the rules', () => {
    expect(ours.findings).toEqual([]);
    expect(ours.calls.length).toBeGreaterThan(30);
  });

  test('call documented cmdlets with parameters of one documented set, and stop at the first error', () => {
    expect(ours.calls.flatMap(problemsOf)).toEqual([]);
  });

  test('are ASCII, which Windows PowerShell reads the same in every code page', () => {
    const files = readdirSync(OURS, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /\.psm?d?1$/.test(name),
    );
    expect(files.length).toBeGreaterThan(5);
    expect(
      files.filter((name) => /[^ -~\t\r\n]/.test(readFileSync(path.join(OURS, name), 'latin1'))),
    ).toEqual([]);
  });

  test('what breaks a rule is found', () => {
    const found = bad.findings.map(({ at, rule }) => `${at.split(':')[1]} ${rule}`);
    expect(found.sort(byLine)).toEqual(
      [
        '1 strict',
        '1 strict',
        '2 verb',
        '2 help',
        '2 help',
        '11 alias',
        '12 syntax',
        '13 syntax',
        '14 qualified',
        '15 positional',
        '22 dynamic',
        '23 dynamic',
        '24 dynamic',
        '25 exit',
        '25 shown text',
        '26 shown text',
        '26 shown text',
        '26 syntax',
        '27 qualified',
        '28 splat',
        '31 type',
        '37 cmdletbinding',
        '37 help',
        '37 noun',
        '37 syntax',
        '57 splat',
        '60 splat',
        '66 dynamic',
        '67 dynamic',
        '67 positional',
        '67 splat',
        '68 dynamic',
        '70 qualified',
        '70 qualified',
        '75 help',
        '75 help',
        '75 help',
        '90 help',
        '90 help',
        '109 program',
        '110 program',
        '111 program',
        '112 dynamic',
        '113 program',
        '114 program',
        '115 program',
        '118 program',
        '119 program',
      ].sort(byLine),
    );
  });

  test('wrong calls are found, written directly or put together from parts', () => {
    const found = bad.calls.flatMap(problemsOf);
    expect(found).toEqual([
      expect.stringMatching(/^Bad\.psm1:16: Hyper-V\\Get-VM has no -Nam/),
      'Bad.psm1:17: there is no Hyper-V\\Get-VMs',
      expect.stringMatching(/^Bad\.psm1:18: no set of Hyper-V\\New-VM takes -VHDPath -NewVHDPath; /),
      'Bad.psm1:19: no set of Hyper-V\\Add-VMHardDiskDrive takes -Path',
      'Bad.psm1:20: Hyper-V\\Set-VM -AutomaticStartAction is no Sometimes',
      'Bad.psm1:21: Hyper-V\\Start-VM without -ErrorAction Stop',
      'Bad.psm1:28: Storage\\Set-Disk without -ErrorAction Stop',
      'Bad.psm1:34: Hyper-V\\Set-VM -CheckpointType is no Perhaps; Hyper-V\\Set-VM -AutomaticStopAction is no Sleep',
      expect.stringMatching(/^Bad\.psm1:51: no set of Hyper-V\\Stop-VM takes -VM -Name; /),
      expect.stringMatching(/^Bad\.psm1:53: Hyper-V\\Get-VHD has no -Passthru; /),
      'Bad.psm1:56: no set of Hyper-V\\Start-VM takes nothing',
      'Bad.psm1:57: no set of Hyper-V\\Start-VM takes nothing',
      expect.stringMatching(/^Bad\.psm1:58: Hyper-V\\Get-VM has no -WhatIf; /),
      expect.stringMatching(/^Bad\.psm1:59: Hyper-V\\Get-VM has no -ProgressAction; /),
      expect.stringMatching(/^Bad\.psm1:69: Microsoft\.PowerShell\.Core\\Get-Command: .*'Name'/),
      'Bad.psm1:71: Microsoft.PowerShell.Utility\\Sort-Object -Top is not in Windows PowerShell 5.1',
      'Bad.psm1:72: Microsoft.PowerShell.Core\\Sort-Object: there is no such command',
      expect.stringMatching(
        /^Bad\.psm1:30: Hyper-V\\Stop-VM has no -Powerfully; .*; Hyper-V\\Stop-VM without -ErrorAction Stop$/,
      ),
      expect.stringMatching(/^Bad\.psm1:62: no set of Hyper-V\\Stop-VM takes -VM -Name; /),
      'Bad.psm1:64: Hyper-V\\Start-VM without -ErrorAction Stop',
      'Bad.psm1:67: Hyper-V\\Get-VMHost without -ErrorAction Stop',
    ]);
  });

  test('use of .NET only what Windows PowerShell 5.1 has', async () => {
    await compileForFramework(ours.members);
    const newer = ['System.Environment|ProcessId', 'System.Math|Clamp', 'System.Half|'];
    for (const member of newer) await expect(compileForFramework([member])).rejects.toThrow(/CS0117|CS0234/);
  });
});

function byLine(a: string, b: string): number {
  return parseInt(a) - parseInt(b) || a.localeCompare(b);
}

/** Compiles a mention of every type and static member against .NET Framework 4.8 and PowerShell 5.1. */
async function compileForFramework(members: readonly string[]): Promise<void> {
  const mentions = members.map((member) => {
    const [type = '', name = ''] = member.split('|');
    const written = type
      .replace(/`1\[\[.*\]\]$/, '<object>')
      .replace(/(\[\])+$/, '')
      .replaceAll('+', '.');
    return name === '' || name === 'new' ? `_ = typeof(${written});` : `_ = nameof(${written}.${name});`;
  });
  const project = `<Project Sdk="Microsoft.NET.Sdk">
  <PropertyGroup><TargetFramework>net48</TargetFramework><LangVersion>latest</LangVersion></PropertyGroup>
  <ItemGroup>
    <PackageReference Include="Microsoft.NETFramework.ReferenceAssemblies.net48" Version="1.0.3" PrivateAssets="all" />
    <PackageReference Include="PowerShellStandard.Library" Version="5.1.1" />
    <Reference Include="System.Numerics" />
  </ItemGroup>
</Project>
`;
  const source = `static class Mentions { static void All() {\n${mentions.join('\n')}\n} }\n`;
  const sources = new Map([
    ['framework.csproj', project],
    ['Mentions.cs', source],
  ]);
  await dotnetBuild({ name: 'framework', sources, verb: ['build'] });
}
