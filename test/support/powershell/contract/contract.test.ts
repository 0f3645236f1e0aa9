/** The copy of the documented cmdlets is complete, and agrees with PowerShell itself where PowerShell has the cmdlet. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { describeWith } from '../../needs.ts';
import { powershellEngine, POWERSHELL_ENVIRONMENT, POWERSHELL_NEEDS } from '../engine.ts';
import { runScript } from '../run-script.ts';
import { compactContract, CONTRACT_PATH, readContract, SHARED_CONTRACT_PATH } from './contract.ts';

describe('the contract', () => {
  test.skipIf(!existsSync(SHARED_CONTRACT_PATH))(
    'is what was read from the documentation [needs ../shared]',
    () => {
      const copy = readFileSync(CONTRACT_PATH, 'utf8');
      expect(compactContract(readFileSync(SHARED_CONTRACT_PATH, 'utf8'))).toBe(copy);
    },
  );

  test('has every cmdlet of Hyper-V with its sets, and words that say what a parameter is are read back', () => {
    const { cmdlets } = readContract();
    const hyperv = cmdlets.filter(({ module }) => module === 'Hyper-V');
    expect(hyperv.length).toBe(226);
    expect(hyperv.reduce((sum, { sets }) => sum + sets.length, 0)).toBe(600);
    const differencing = hyperv
      .find(({ name }) => name === 'New-VHD')!
      .sets.find(({ name }) => name === 'Differencing')!;
    expect(differencing.parameters.Path).toEqual({
      isMandatory: true,
      position: 0,
      byValue: true,
      byPropertyName: true,
    });
    expect(differencing.parameters.SizeBytes).toEqual({
      isMandatory: false,
      position: 1,
      byValue: false,
      byPropertyName: false,
    });
    expect(differencing.parameters.Differencing.position).toBeNull();
  });
});

/** One parameter of one set, as the engine has it. */
interface EngineParameter {
  readonly cmdlet: string;
  readonly set: string;
  readonly name: string;
  readonly isMandatory: boolean;
}

describeWith(POWERSHELL_NEEDS, 'the contract and PowerShell', () => {
  test('agree on what the remoting cmdlets want', async () => {
    const documented = readContract().cmdlets.filter(
      ({ source, module }) => source === '7.6' && module === 'Microsoft.PowerShell.Core',
    );
    const names = documented.map(({ name }) => name);
    const { executable } = await powershellEngine();
    const [rows] = await runScript<EngineParameter[]>(
      { executable, environment: POWERSHELL_ENVIRONMENT },
      `say @(foreach ($command in Get-Command -Name ${names.join(',')} -CommandType Cmdlet) {
        foreach ($set in $command.ParameterSets) { foreach ($parameter in $set.Parameters) {
          @{ cmdlet = $command.Name; set = $set.Name; name = $parameter.Name; isMandatory = $parameter.IsMandatory } } } })`,
    );
    const inEngine = new Map(rows.map((row) => [`${row.cmdlet} ${row.set} ${row.name}`, row.isMandatory]));
    const differing = documented.flatMap(({ name, sets }) =>
      sets.flatMap((set) =>
        Object.entries(set.parameters)
          .map(([parameter, { isMandatory }]) => [`${name} ${set.name} ${parameter}`, isMandatory] as const)
          .filter(([key, isMandatory]) => inEngine.has(key) && inEngine.get(key) !== isMandatory)
          .map(([key]) => key),
      ),
    );
    expect(documented.length).toBe(5);
    expect(inEngine.size).toBeGreaterThan(300);
    expect(differing).toEqual([]);
  });
});
