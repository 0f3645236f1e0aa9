/**
 * A PowerShell for the tests: the one that is installed, or else the same program built once from its NuGet packages
 * (engine/Program.cs says what it is).
 */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { has } from '../needs.ts';
import { dotnetBuild, runtimeIdentifier } from './dotnet-build.ts';

export interface PowerShellEngine {
  /** Takes pwsh's arguments; node-powershell finds it through `NODE_POWERSHELL`. */
  readonly executable: string;
}

/** What `describeWith` asks for before {@link powershellEngine} may be called. */
export const POWERSHELL_NEEDS: readonly string[] =
  process.env.HYPERFILE_TEST_POWERSHELL !== undefined || has('pwsh') ? [] : ['dotnet:10'];

/**
 * A session that writes plain text, asks nobody for anything, and lives for seconds: .NET spends a third of these on
 * what pays in programs that run for hours: compiling well, compiling again what is called often, and compiling ahead
 * what the last process of that name has called.
 */
export const POWERSHELL_ENVIRONMENT = {
  TERM: 'dumb',
  NO_COLOR: '1',
  POWERSHELL_TELEMETRY_OPTOUT: '1',
  POWERSHELL_UPDATECHECK: 'Off',
  DOTNET_TieredPGO: '0',
  DOTNET_JITMinOpts: '1',
  DOTNET_MultiCoreJitMinNumCpus: '64',
  DOTNET_TC_CallCountingDelayMs: '60000',
  DOTNET_EnableWriteXorExecute: '0',
  DOTNET_gcConcurrent: '0',
  DOTNET_GCgen0size: '0x4000000',
} as const;

const SOURCES = path.join(import.meta.dirname, 'engine');
const PROGRAM = process.platform === 'win32' ? 'pwsh.exe' : 'pwsh';
let engine: Promise<PowerShellEngine> | undefined;

/**
 * `HYPERFILE_TEST_POWERSHELL`, or `pwsh` of PATH, or the build, which the first caller makes (half a minute, needs
 * NuGet once) while others wait for it.
 */
export function powershellEngine(): Promise<PowerShellEngine> {
  engine ??= findEngine();
  return engine;
}

async function findEngine(): Promise<PowerShellEngine> {
  const chosen = process.env.HYPERFILE_TEST_POWERSHELL;
  if (chosen !== undefined) return { executable: chosen };
  if (has('pwsh')) return { executable: 'pwsh' };
  const sources = new Map(
    readdirSync(SOURCES).map((name) => [name, readFileSync(path.join(SOURCES, name), 'utf8')]),
  );
  const home = await dotnetBuild({ name: 'pwsh', sources, verb: ['publish', '-r', runtimeIdentifier()] });
  return { executable: path.join(home, PROGRAM) };
}
