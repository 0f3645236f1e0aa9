/**
 * Writes the Storage module from the contract. On Windows it is made of functions (their bodies are generated from CIM
 * classes), so here it is too: identifiers of errors end in the function's name.
 */
import type { CmdletContract, Contract, ParameterContract } from '../../contract/contract.ts';

/** CIM parameters take objects of one class only, which is named by the parameter. */
const CIM_CLASSES: Readonly<Record<string, string>> = {
  Disk: 'MSFT_Disk',
  Partition: 'MSFT_Partition',
  Volume: 'MSFT_Volume',
  DiskImage: 'MSFT_DiskImage',
};
const CIM = 'Microsoft.Management.Infrastructure.CimInstance';

export function storageSource(contract: Contract): string {
  const functions = contract.cmdlets.filter(({ module }) => module === 'Storage');
  const names = functions.map(({ name }) => `'${name}'`).join(', ');
  return `# Generated from the contract.\n${functions.map(storageFunction).join('\n')}\nExport-ModuleMember -Function ${names}\n`;
}

function storageFunction(cmdlet: CmdletContract): string {
  const defaultSet = cmdlet.sets.find((set) => set.isDefault)?.name;
  const about = [
    ...(defaultSet === undefined ? [] : [`DefaultParameterSetName = '${defaultSet}'`]),
    ...('WhatIf' in cmdlet.parameters ? ['SupportsShouldProcess = $true'] : []),
    'PositionalBinding = $false',
  ];
  const parameters = Object.entries(cmdlet.parameters).filter(
    ([own]) => own !== 'WhatIf' && own !== 'Confirm',
  );
  return `function ${cmdlet.name} {
    [CmdletBinding(${about.join(', ')})]
    param(
${parameters.map(([own, parameter]) => parameterText(cmdlet, own, parameter)).join(',\n')}
    )
    process {
        if (-not $PSCmdlet.ShouldProcess('${cmdlet.name}')) { return }
        [Hyperfile.StandIn.HostCall]::Run($PSCmdlet, $PSBoundParameters)
    }
}`;
}

function parameterText(cmdlet: CmdletContract, name: string, parameter: ParameterContract): string {
  const attributes = cmdlet.sets.flatMap((set) => {
    const own = set.parameters[name];
    if (own === undefined) return [];
    const facts = [
      ...(set.name === '__AllParameterSets' ? [] : [`ParameterSetName = '${set.name}'`]),
      ...(own.isMandatory ? ['Mandatory = $true'] : []),
      ...(own.position === null ? [] : [`Position = ${own.position}`]),
      ...(own.byValue ? ['ValueFromPipeline = $true'] : []),
      ...(own.byPropertyName ? ['ValueFromPipelineByPropertyName = $true'] : []),
    ];
    return [`[Parameter(${facts.join(', ')})]`];
  });
  if (parameter.aliases.length > 0)
    attributes.push(`[Alias(${parameter.aliases.map((alias) => `'${alias}'`).join(', ')})]`);
  if (parameter.values.length > 0 && parameter.type !== 'SwitchParameter')
    attributes.push(`[ValidateSet(${parameter.values.map((value) => `'${value}'`).join(', ')})]`);
  if (parameter.type.startsWith('CimInstance'))
    attributes.push(`[PSTypeName('${CIM}#${cimClass(cmdlet, name)}')]`);
  return `        ${attributes.join(' ')} [${typeText(parameter)}] $${name}`;
}

function cimClass(cmdlet: CmdletContract, name: string): string {
  const noun = cmdlet.name.split('-')[1].replace('AccessPath', '');
  return name === 'InputObject'
    ? (CIM_CLASSES[noun] ?? `MSFT_${noun}`)
    : (CIM_CLASSES[name] ?? `MSFT_${name}`);
}

/** Values are what a ValidateSet holds, so their type may stay a string. */
function typeText({ type, values }: ParameterContract): string {
  if (type.startsWith('CimInstance')) return `Hyperfile.StandIn.Cim.${type}`;
  if (type.startsWith('CimSession')) return `Microsoft.HyperV.PowerShell.${type}`;
  if (values.length > 0 && !/^(U?Int|Switch)/.test(type)) return type.endsWith('[]') ? 'string[]' : 'string';
  return type === 'SwitchParameter' ? 'switch' : type;
}
