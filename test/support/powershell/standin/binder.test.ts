/** The stand-in's cmdlets take exactly what the contract says, through PowerShell's own parameter binder. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chooseSet } from '../contract/choose-set.ts';
import { readContract, type CmdletContract, type ParameterSet } from '../contract/contract.ts';
import { powershellEngine, POWERSHELL_ENVIRONMENT, POWERSHELL_NEEDS } from '../engine.ts';
import { describeWith } from '../../needs.ts';
import { runScript, type ScriptRun } from '../run-script.ts';
import { listen, type CallServer } from './host/server.ts';
import { layModules } from './module/build-module.ts';

const CMDLETS = readContract().cmdlets.filter(({ module }) => ['Hyper-V', 'Storage'].includes(module));

describeWith([...new Set([...POWERSHELL_NEEDS, 'dotnet:10'])], "the stand-in's parameters", () => {
  let folder: string;
  let server: CallServer;
  let run: ScriptRun;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'hyperv-binder-'));
    const modules = path.join(folder, 'modules');
    await layModules(modules);
    const socketPath = path.join(folder, 'vmms.sock');
    // A host that only says which parameter set a call came to.
    server = await listen({
      socketPath,
      language: () => 'en',
      answer: (call) => Promise.resolve(call.output(`bound: ${call.set}`)),
      onFault: () => undefined,
    });
    const { executable } = await powershellEngine();
    run = {
      executable,
      environment: { ...POWERSHELL_ENVIRONMENT, PSModulePath: modules, HYPERV_STANDIN: socketPath },
    };
  });
  afterAll(() => {
    server.close();
    rmSync(folder, { recursive: true });
  });

  test('are the documented ones: sets, defaults, mandatory ones, positions, pipeline and aliases', async () => {
    const rows = await runScript<string>(
      run,
      `foreach ($module in 'Hyper-V', 'Storage') { Import-Module $module }
foreach ($command in Get-Command -Module Hyper-V, Storage) {
  foreach ($set in $command.ParameterSets) {
    foreach ($parameter in $set.Parameters | Where-Object { $_.Name -notin [Management.Automation.Cmdlet]::CommonParameters }) {
      $position = if ($parameter.Position -ge 0) { $parameter.Position } else { '-' }
      say ('{0}|{1}{2}|{3}|{4} {5} {6} {7}|{8}' -f $command.Name, $set.Name, $(if ($set.IsDefault) { '!' }), $parameter.Name,
        $parameter.IsMandatory, $position, $parameter.ValueFromPipeline, $parameter.ValueFromPipelineByPropertyName,
        (($parameter.Aliases | Sort-Object) -join ','))
    }
  }
}`,
    );
    expect(CMDLETS.length).toBe(246);
    expect(rows.sort()).toEqual(CMDLETS.flatMap(documentedRows).sort());
  });

  test('resolve to the set that the rules of the binder give, or fail as they say', async () => {
    const cases = CMDLETS.flatMap(casesOf);
    const file = path.join(folder, 'cases.json');
    writeFileSync(file, JSON.stringify(cases));
    const answers = await runScript<string>(run, BIND_EACH.replace('CASES', file));
    const wrong = cases
      .map((one, index) => ({ ...one, got: answers[index] }))
      .filter(({ expected, got }) => !expected.includes(got));
    expect(cases.length).toBeGreaterThan(1500);
    expect(wrong.slice(0, 20)).toEqual([]);
    expect(answers.length).toBe(cases.length);
  });

  test('refuse values outside the documented ones, and parameters that are not there', async () => {
    const answers = await runScript<string | null>(
      run,
      `say (failure { Hyper-V\\New-VHD -Path x -SizeBytes 1MB -LogicalSectorSizeBytes 1024 })
say (failure { Hyper-V\\New-VM -Generation 3 })
say (failure { Hyper-V\\Set-VMFirmware -VMName x -EnableSecureBoot Maybe })
say (failure { Hyper-V\\New-VHD -Path x -SizeBytes 1MB -Sparse })
say (failure { Hyper-V\\Start-VM -VM 'a name' })
say (failure { Storage\\Format-Volume -DriveLetter E -FileSystem ext4 })
say (failure { Storage\\Get-Partition -Disk 'disk 1' })`,
    );
    expect(answers).toEqual([
      'ParameterArgumentValidationError InvalidData',
      'ParameterArgumentValidationError InvalidData',
      'CannotConvertArgumentNoMessage InvalidArgument',
      'NamedParameterNotFound InvalidArgument',
      'CannotConvertArgumentNoMessage InvalidArgument',
      'ParameterArgumentValidationError InvalidData',
      'ParameterArgumentTransformationError InvalidData',
    ]);
  });
});

function documentedRows(cmdlet: CmdletContract): string[] {
  return cmdlet.sets.flatMap((set) =>
    Object.entries(set.parameters).map(([name, { isMandatory, position, byValue, byPropertyName }]) => {
      const word = (value: boolean): string => (value ? 'True' : 'False');
      const facts = `${word(isMandatory)} ${position ?? '-'} ${word(byValue)} ${word(byPropertyName)}`;
      // The engine does not write down that the only set there is is the default.
      const isMarked = set.isDefault && set.name !== '__AllParameterSets';
      const aliases = [...cmdlet.parameters[name].aliases].sort((a, b) =>
        a.toLowerCase().localeCompare(b.toLowerCase()),
      );
      return `${cmdlet.name}|${set.name}${isMarked ? '!' : ''}|${name}|${facts}|${aliases.join(',')}`;
    }),
  );
}

/** Named arguments for a call, and what may come of it. */
interface BindingCase {
  readonly cmdlet: string;
  readonly arguments: readonly string[];
  readonly expected: readonly string[];
}

/** Every set with all it wants, and without each thing that it wants. */
function casesOf(cmdlet: CmdletContract): BindingCase[] {
  return cmdlet.sets.flatMap((set) => {
    const wanted = mandatoryOf(set);
    const lists = [wanted, ...wanted.map((missing) => wanted.filter((name) => name !== missing))];
    return lists.map((names) => ({
      cmdlet: `${cmdlet.module}\\${cmdlet.name}`,
      arguments: names,
      expected: outcomes(cmdlet, names),
    }));
  });
}

const mandatoryOf = (set: ParameterSet): string[] =>
  Object.entries(set.parameters)
    .filter(([, { isMandatory }]) => isMandatory)
    .map(([name]) => name);

/** What the binder answers; without a set, it may name what is missing or say that it cannot tell. */
function outcomes(cmdlet: CmdletContract, names: readonly string[]): string[] {
  const choice = chooseSet(cmdlet, names);
  if ('set' in choice) return [`bound: ${choice.set.name}`];
  if (choice.problem === 'ambiguous') return ['AmbiguousParameterSet InvalidArgument'];
  return ['MissingMandatoryParameter InvalidArgument', 'AmbiguousParameterSet InvalidArgument'];
}

/** Gives every argument a value of its type; objects of the module are made without their constructors. */
const BIND_EACH = `Import-Module Hyper-V, Storage
function sample { param($Parameter, $Cmdlet)
  $type = $Parameter.ParameterType
  $isArray = $type.IsArray -and $type -ne [byte[]]
  if ($isArray) { $type = $type.GetElementType() }
  $set = $Parameter.Attributes | Where-Object { $_ -is [Management.Automation.ValidateSetAttribute] } | Select-Object -First 1
  $named = $Parameter.Attributes | Where-Object { $_ -is [Management.Automation.PSTypeNameAttribute] } | Select-Object -First 1
  $value = if ($set) { $set.ValidValues[0] }
    elseif ($type -eq [string]) { 'text' }
    elseif ($type -eq [switch]) { [switch] $true }
    elseif ($type -eq [bool]) { $true }
    elseif ($type -eq [char]) { [char] 'E' }
    elseif ($type -eq [guid]) { [guid]::NewGuid() }
    elseif ($type -eq [pscredential]) { [pscredential]::new('user', [securestring]::new()) }
    elseif ($type -eq [hashtable]) { @{} }
    elseif ($type -eq [psobject]) { [pscustomobject] @{ a = 1 } }
    elseif ($type -eq [byte[]]) { , [byte[]] @(1) }
    elseif ($type.IsEnum) { [enum]::GetValues($type)[0] }
    elseif ($type.IsValueType) { [Activator]::CreateInstance($type) }
    elseif ($type -eq [version]) { [version] '1.0' }
    elseif ($type -eq [uri]) { [uri] 'http://host' }
    else { [Runtime.CompilerServices.RuntimeHelpers]::GetUninitializedObject($type) }
  if ($named) { $value = [psobject] $value; $value.PSObject.TypeNames.Insert(0, $named.PSTypeName) }
  if ($isArray) { , @($value) } else { $value }
}
foreach ($case in Get-Content -Raw -LiteralPath 'CASES' | ConvertFrom-Json) {
  $command = Get-Command -Name $case.cmdlet
  $given = @{}
  foreach ($name in $case.arguments) { $given[$name] = sample $command.Parameters[$name] }
  # These ask before they act.
  $force = @{}
  if ($command.Name -in 'Remove-VM', 'Restart-VM', 'Merge-VHD', 'Remove-VMSwitch') { $force.Force = $true }
  if ($command.Parameters.ContainsKey('Confirm')) { $force.Confirm = $false }
  try { say (& $command @given @force) }
  catch { say ('{0} {1}' -f ($_.FullyQualifiedErrorId -replace ',.*'), $_.CategoryInfo.Category) }
}`;
