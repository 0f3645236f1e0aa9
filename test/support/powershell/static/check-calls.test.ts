/** The check of scripts against the contract finds what would only fail on a Windows host, and nothing in what is right. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../../needs.ts';
import { powershellEngine, POWERSHELL_ENVIRONMENT, POWERSHELL_NEEDS } from '../engine.ts';
import { layModules } from '../standin/module/build-module.ts';
import { checkCalls, type CheckOptions } from './check-calls.ts';

describeWith([...new Set([...POWERSHELL_NEEDS, 'dotnet:10'])], 'calls of scripts', () => {
  let folder: string;
  let options: CheckOptions;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'hyperfile-static-'));
    await layModules(path.join(folder, 'modules'));
    const { executable } = await powershellEngine();
    options = {
      executable,
      environment: { ...POWERSHELL_ENVIRONMENT, PSModulePath: path.join(folder, 'modules') },
    };
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  function problems(...lines: readonly string[]): string[] {
    const file = path.join(folder, "it's a script.ps1");
    writeFileSync(file, lines.join('\n') + '\n');
    return checkCalls([file], options).map(({ line, problem }) => `${line} ${problem}`);
  }

  test('that are right have no findings', () => {
    expect(
      problems(
        'param($Path, $Parent)',
        'function Get-Own { param($A) $A }',
        '$null = Hyper-V\\New-VHD -Path $Path -ParentPath $Parent -Differencing -ErrorAction Stop',
        'Hyper-V\\Mount-VHD -Path $Path -NoDriveLetter -Passthru | Storage\\Get-Disk | Storage\\Get-Partition',
        "Hyper-V\\Set-VMFirmware -VM (Get-Own 1) -EnableSecureBoot 'Off'",
        '$table = @{ Path = $Path }',
        'Hyper-V\\Dismount-VHD @table',
        'Hyper-V\\Get-VM | Hyper-V\\Stop-VM -TurnOff',
        '. "$PSScriptRoot/part.ps1"',
        'Get-ChildItem -LiteralPath $Path | ForEach-Object { $_.Name }',
      ),
    ).toEqual([]);
  });

  test('that are wrong are found, each for what it is', () => {
    const wrong: readonly (readonly [string, ...string[]])[] = [
      ['Hyper-V\\Wait-VM -Name x', 'Hyper-V\\Wait-VM: no such command'],
      ['gci x', 'gci: an alias'],
      ['Get-VMHost', 'Get-VMHost: write Hyper-V\\Get-VMHost'],
      ['Hyper-V\\New-VHD -Path x -SizeBytes 1MB -Sparse', 'Hyper-V\\New-VHD: NamedParameterNotFound'],
      ['Hyper-V\\New-VHD -Path x -ParentPath y -Fixed', 'Hyper-V\\New-VHD: AmbiguousParameterSet'],
      ['Hyper-V\\New-VHD -Path x', 'Hyper-V\\New-VHD: impossible parameter set, missing: SizeBytes'],
      [
        'Hyper-V\\Set-VM -Name x -CheckpointType Sometimes',
        'Hyper-V\\Set-VM -CheckpointType Sometimes: not one of Disabled, Production, ProductionOnly, Standard',
      ],
      [
        'Expand-WindowsImage -ImagePath x -Index 1 -ApplyPath y',
        'Expand-WindowsImage: write Dism\\Expand-WindowsImage',
      ],
      [
        'Dism\\Expand-WindowsImage -ImagePath x -Index 1 -ApplyPath y -Force',
        'Dism\\Expand-WindowsImage: NamedParameterNotFound',
      ],
      ['$x = $a ? 1 : 2', 'version: TernaryExpressionAst'],
      ['$x = $a ?? 1', 'version: ??'],
      ['Get-Date && Get-Date', 'version: &&', 'version: PipelineChainAst'],
      [
        'ConvertTo-Json -InputObject 1 -EnumsAsStrings',
        'ConvertTo-Json -EnumsAsStrings: not in Windows PowerShell 5.1',
      ],
      ['& $name', 'dynamic: $name'],
    ];
    const expected = wrong.flatMap(([, ...found], index) =>
      found.map((problem) => `${index + 1} ${problem}`),
    );
    expect(problems(...wrong.map(([line]) => line)).sort()).toEqual(expected.sort());
  });

  test('in a script that cannot be parsed are found to be unreadable', () => {
    expect(problems('if ($x {')).toContain('1 syntax: MissingEndParenthesisAfterStatement');
  });
});
