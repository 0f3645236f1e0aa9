/** Builds the classes of the stand-in and lays the modules around them. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { readContract, type Contract } from '../../contract/contract.ts';
import { dotnetBuild } from '../../dotnet-build.ts';
import { cmdletSource } from './cmdlet-source.ts';
import { storageSource } from './storage-source.ts';

const SOURCES = path.join(import.meta.dirname, 'source');

/** Makes `folder` one for `PSModulePath`: it gets `Hyper-V`, `Storage`, `Dism` and what they need. */
export async function layModules(folder: string): Promise<void> {
  const contract = readContract();
  const written = readdirSync(SOURCES).map(
    (name) => [name, readFileSync(path.join(SOURCES, name), 'utf8')] as const,
  );
  const sources = new Map([...written, ['Cmdlets.cs', cmdletSource(contract, 'Hyper-V')] as const]);
  const built = await dotnetBuild({ name: 'hyperv', sources, verb: ['build'] });
  // PowerShell imports the cmdlets of an assembly into one module only.
  const dism = await dotnetBuild({ name: 'dism', sources: dismSources(contract, written), verb: ['build'] });
  const assemblies = [
    path.join(built, 'Hyperfile.StandIn.dll'),
    path.join(dism, `${DISM_ASSEMBLY}.dll`),
  ] as const;
  for (const [name, text] of modules(contract, ...assemblies)) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}

const DISM_ASSEMBLY = 'Hyperfile.StandIn.Dism';
const PROJECT = 'StandIn.csproj';

/** What DISM's cmdlets need, in an assembly of its own name. */
function dismSources(
  contract: Contract,
  written: readonly (readonly [name: string, text: string])[],
): Map<string, string> {
  const needed = written.filter(([name]) => ['HostCall.cs', 'StandInCmdlet.cs', 'Values.cs'].includes(name));
  const project = new Map(written).get(PROJECT)!.replace('Hyperfile.StandIn<', `${DISM_ASSEMBLY}<`);
  return new Map([...needed, [PROJECT, project], ['Cmdlets.cs', cmdletSource(contract, 'Dism')]]);
}

/**
 * A function of a module goes before a cmdlet of the engine, also where the call names the module. It has the cmdlet's own
 * parameters and only passes them on.
 */
const remoting = (
  assembly: string,
): string => `$real = Get-Command -Name New-PSSession -CommandType Cmdlet -Module Microsoft.PowerShell.Core
Import-Module -Name '${assembly}' -Cmdlet New-PSSession
$text = [Management.Automation.ProxyCommand]::Create([Management.Automation.CommandMetadata]::new($real))
$text = $text.Replace("'Microsoft.PowerShell.Core\\New-PSSession'", "'Hyperfile.StandIn\\New-PSSession'")
. ([scriptblock]::Create("function New-PSSession { $text }"))
Export-ModuleMember -Function New-PSSession
`;

function modules(contract: Contract, assembly: string, dismAssembly: string): (readonly [string, string])[] {
  const cmdlets = contract.cmdlets.filter(({ module }) => module === 'Hyper-V').map(({ name }) => name);
  const dism = contract.cmdlets.filter(({ module }) => module === 'Dism').map(({ name }) => name);
  const functions = contract.cmdlets.filter(({ module }) => module === 'Storage').map(({ name }) => name);
  return [
    ['Hyper-V/Hyper-V.psd1', manifest({ root: assembly, cmdlets })],
    ['Dism/Dism.psd1', manifest({ root: dismAssembly, cmdlets: dism })],
    ['Microsoft.PowerShell.Core/Microsoft.PowerShell.Core.psm1', remoting(assembly)],
    [
      'Storage/Storage.psd1',
      manifest({ root: 'Storage.psm1', functions, more: `RequiredAssemblies = '${assembly}'` }),
    ],
    ['Storage/Storage.psm1', storageSource(contract)],
  ];
}

interface Manifest {
  readonly root: string;
  readonly cmdlets?: readonly string[];
  readonly functions?: readonly string[];
  readonly more?: string;
}

function manifest({ root, cmdlets = [], functions = [], more = '' }: Manifest): string {
  const list = (names: readonly string[]): string => `@(${names.map((name) => `'${name}'`).join(', ')})`;
  return `@{
    RootModule = '${root}'
    ModuleVersion = '2.0.0.0'
    CmdletsToExport = ${list(cmdlets)}
    FunctionsToExport = ${list(functions)}
    AliasesToExport = @()
    ${more}
}
`;
}
