/** Writes the C# of the Hyper-V and Dism modules from the contract: a class for each cmdlet, object and enumeration. */
import type { CmdletContract, Contract, ParameterContract } from '../../contract/contract.ts';
import { ENUM_NUMBERS, OBJECT_TYPES } from './types.ts';

/** .NET's names in C#, and the classes of PowerShell itself. */
const PLAIN_TYPES: Readonly<Record<string, string>> = {
  String: 'string',
  SwitchParameter: 'SwitchParameter',
  Boolean: 'bool',
  Byte: 'byte',
  Char: 'char',
  Int16: 'short',
  Int32: 'int',
  Int64: 'long',
  UInt16: 'ushort',
  UInt32: 'uint',
  UInt64: 'ulong',
  Object: 'object',
  Guid: 'Guid',
  DateTime: 'DateTime',
  TimeSpan: 'TimeSpan',
  Version: 'Version',
  Uri: 'Uri',
  Hashtable: 'Hashtable',
  PSCredential: 'PSCredential',
  PSObject: 'PSObject',
  ScriptBlock: 'ScriptBlock',
};

/** These ask before they act, unless -Force is given: their -Force is documented so. */
const ASKS_WITHOUT_FORCE = ['Remove-VM', 'Restart-VM', 'Merge-VHD', 'Remove-VMSwitch'];

/** Types that only name something else: nothing makes one, so nothing can be bound to them. */
const CLASS_OF_NAMESPACE = 'Microsoft.HyperV.PowerShell';

/** The classes of one module's cmdlets, and those of all objects. */
export function cmdletSource(contract: Contract, own: 'Dism' | 'Hyper-V'): string {
  const cmdlets = contract.cmdlets.filter(({ module }) => module === 'Hyper-V' || module === 'Dism');
  return `// Generated from the contract.
using System;
using System.Collections;
using System.Management.Automation;
using Hyperfile.StandIn;
using Microsoft.Dism.Commands;
using Microsoft.HyperV.PowerShell;
using Hyperfile.StandIn.Cim;
using Microsoft.Vhd.PowerShell;

${types(cmdlets)}
${cmdlets
  .filter(({ module }) => module === own)
  .map(cmdletClass)
  .join('\n')}`;
}

/**
 * `Hyper-V\\Start-VM` is Microsoft.HyperV.PowerShell.Commands.StartVM; the VHD cmdlets have a namespace of their own, and
 * DISM's classes are called so in errors that people report (ntdevlabs/tiny11builder 337).
 */
function classOf({ name, module }: CmdletContract): readonly [space: string, name: string] {
  const [verb, noun] = name.split('-');
  if (module === 'Dism') return ['Microsoft.Dism.Commands', `${verb}${noun}Command`];
  if (noun !== 'VHD') return [`${CLASS_OF_NAMESPACE}.Commands`, `${verb}${noun}`];
  // Get-VHD alone is spelled so in the errors that people report.
  return ['Microsoft.Vhd.PowerShell.Cmdlets', verb === 'Get' ? 'GetVHD' : `${verb}Vhd`];
}

function cmdletClass(cmdlet: CmdletContract): string {
  const [verb, noun] = cmdlet.name.split('-');
  const [space, name] = classOf(cmdlet);
  const knowsWhatIf = 'WhatIf' in cmdlet.parameters;
  const defaultSet = cmdlet.sets.find((set) => set.isDefault)?.name;
  const about = [
    `"${verb}", "${noun}"`,
    ...(defaultSet === undefined ? [] : [`DefaultParameterSetName = "${defaultSet}"`]),
    ...(knowsWhatIf ? ['SupportsShouldProcess = true'] : []),
  ];
  const parameters = Object.entries(cmdlet.parameters).filter(
    ([own]) => own !== 'WhatIf' && own !== 'Confirm',
  );
  return `namespace ${space}
{
    [Cmdlet(${about.join(', ')})]
    public sealed class ${name} : StandInCmdlet
    {
        protected override bool KnowsWhatIf => ${knowsWhatIf};
        protected override bool AsksWithoutForce => ${ASKS_WITHOUT_FORCE.includes(cmdlet.name)};
${parameters.map(([own, parameter]) => property(cmdlet, own, parameter)).join('\n')}
    }
}
`;
}

function property(cmdlet: CmdletContract, name: string, parameter: ParameterContract): string {
  const attributes = cmdlet.sets.flatMap((set) => {
    const own = set.parameters[name];
    if (own === undefined) return [];
    const facts = [
      ...(set.name === '__AllParameterSets' ? [] : [`ParameterSetName = "${set.name}"`]),
      ...(own.isMandatory ? ['Mandatory = true'] : []),
      ...(own.position === null ? [] : [`Position = ${own.position}`]),
      ...(own.byValue ? ['ValueFromPipeline = true'] : []),
      ...(own.byPropertyName ? ['ValueFromPipelineByPropertyName = true'] : []),
    ];
    return [`[Parameter(${facts.join(', ')})]`];
  });
  if (parameter.aliases.length > 0)
    attributes.push(`[Alias(${parameter.aliases.map((alias) => `"${alias}"`).join(', ')})]`);
  if (isPlain(parameter.type) && parameter.type !== 'SwitchParameter' && parameter.values.length > 0)
    attributes.push(`[ValidateSet(${parameter.values.map((value) => `"${value}"`).join(', ')})]`);
  const indented = attributes.map((attribute) => `        ${attribute}`).join('\n');
  return `${indented}\n        public ${csharpType(parameter.type)} ${name} { get; set; }`;
}

function csharpType(type: string): string {
  const element = elementOf(type);
  return (PLAIN_TYPES[element] ?? element) + type.slice(element.length);
}

const elementOf = (type: string): string => type.replace('[]', '');
const isPlain = (type: string): boolean => elementOf(type) in PLAIN_TYPES;

function types(cmdlets: readonly CmdletContract[]): string {
  const used = cmdlets
    .flatMap((cmdlet) => Object.values(cmdlet.parameters))
    .filter(({ type }) => !isPlain(type));
  const enums = new Map<string, Set<string>>();
  for (const { type, values } of used.filter(({ values }) => values.length > 0)) {
    const known = enums.get(elementOf(type)) ?? new Set<string>();
    enums.set(elementOf(type), known);
    for (const value of values) known.add(value);
  }
  const named = new Set(used.map(({ type }) => elementOf(type)));
  const bare = [...named].filter(
    (name) => !enums.has(name) && !(name in ENUM_NUMBERS) && !(name in OBJECT_TYPES),
  );
  return [
    ...[...enums]
      .filter(([name]) => !(name in ENUM_NUMBERS))
      .map(([name, values]) => enumeration(name, [...values])),
    ...Object.entries(ENUM_NUMBERS).map(([name, numbers]) =>
      enumeration(
        name,
        Object.entries(numbers).map(([value, number]) => `${value} = ${number}`),
      ),
    ),
    ...Object.entries(OBJECT_TYPES).map(([name, type]) => objectClass(name, type)),
    ...bare.map(
      (name) => `namespace ${CLASS_OF_NAMESPACE} { public class ${name} { private ${name}() { } } }`,
    ),
  ].join('\n');
}

function enumeration(name: string, members: readonly string[]): string {
  const space = name.startsWith('Vhd') ? 'Microsoft.Vhd.PowerShell' : CLASS_OF_NAMESPACE;
  return `namespace ${space} { public enum ${name} { ${members.join(', ')} } }`;
}

function objectClass(name: string, type: (typeof OBJECT_TYPES)[string]): string {
  const properties = type.properties.split(/\s+/).filter((text) => text !== '');
  const lines = properties.map((text) => {
    const [property, of] = text.split(':');
    return `        public ${of} ${property} { get; set; }`;
  });
  const base = type.base === undefined ? '' : ` : ${type.base}`;
  return `namespace ${type.namespace}\n{\n    public class ${name}${base}\n    {\n${lines.join('\n')}\n    }\n}`;
}
