/**
 * A PowerShell for the tests: the one that is installed, or else the same program built once from its NuGet packages
 * (engine/Program.cs says what it is). The build lies in the system's folder for temporary files, named by the digest
 * of its sources, so that all checkouts share it.
 */
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { withLock } from '../../../src/base/lock.ts';
import { runTool } from '../../../src/base/process.ts';
import { has } from '../needs.ts';

export interface PowerShellEngine {
  /** Takes pwsh's arguments; node-powershell finds it through `NODE_POWERSHELL`. */
  readonly executable: string;
}

/** What `describeWith` asks for before {@link powershellEngine} may be called. */
export const POWERSHELL_NEEDS: readonly string[] =
  process.env.HYPERFILE_TEST_POWERSHELL !== undefined || has('pwsh') ? [] : ['dotnet:10'];

/** A session that writes plain text and asks nobody for anything. */
export const POWERSHELL_ENVIRONMENT = {
  TERM: 'dumb',
  NO_COLOR: '1',
  POWERSHELL_TELEMETRY_OPTOUT: '1',
  POWERSHELL_UPDATECHECK: 'Off',
} as const;

const SOURCES = path.join(import.meta.dirname, 'engine');
const PROGRAM = process.platform === 'win32' ? 'pwsh.exe' : 'pwsh';
const DOTNET_ENVIRONMENT = {
  DOTNET_NOLOGO: '1',
  DOTNET_CLI_TELEMETRY_OPTOUT: '1',
  DOTNET_CLI_WORKLOAD_UPDATE_NOTIFY_DISABLE: 'true',
} as const;

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
  const home = path.join(buildsFolder(), sourcesDigest());
  const executable = path.join(home, PROGRAM);
  if (existsSync(executable)) return { executable };
  await withLock(`${home}.lock`, {}, async () => {
    if (!existsSync(executable)) await build(home);
  });
  return { executable };
}

/** A folder of our own in the shared one: nobody else may have laid a program there for us to run. */
function buildsFolder(): string {
  const uid = process.getuid?.();
  const folder = path.join(os.tmpdir(), `hyperfile-powershell-${uid ?? 'user'}`);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const found = lstatSync(folder);
  const isOurs =
    found.isDirectory() && (uid === undefined || (found.uid === uid && (found.mode & 0o022) === 0));
  if (!isOurs) throw new Error(`${folder} belongs to somebody else: remove it, or set TMPDIR`);
  return folder;
}

function sourcesDigest(): string {
  const hash = createHash('sha256').update(runtimeIdentifier());
  for (const name of readdirSync(SOURCES).sort())
    hash.update(`\0${name}\0`).update(readFileSync(path.join(SOURCES, name)));
  return hash.digest('hex').slice(0, 16);
}

/** .NET's name of this platform. */
function runtimeIdentifier(): string {
  const system = { win32: 'win', darwin: 'osx' }[process.platform as string] ?? 'linux';
  return `${system}-${process.arch}`;
}

async function build(home: string): Promise<void> {
  const work = `${home}.${process.pid}`;
  const [project, staged] = [path.join(work, 'project'), path.join(work, 'pwsh')];
  try {
    cpSync(SOURCES, project, { recursive: true });
    const target = ['-c', 'Release', '-r', runtimeIdentifier(), '-o', staged];
    // No helper of the compiler outlives the build: it would hold on to our pipes.
    const alone = ['-nodeReuse:false', '-p:UseSharedCompilation=false'];
    await runTool('dotnet', ['publish', project, ...target, ...alone, '-v', 'quiet', '-nologo'], {
      env: DOTNET_ENVIRONMENT,
    });
    renameSync(staged, home);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
