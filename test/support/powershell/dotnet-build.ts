/**
 * Builds of .NET projects for tests. A build lies in the system's folder for temporary files, named by the digest of its
 * sources, so that all checkouts share it; the first who asks makes it while others wait.
 */
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { withLock } from '../../../src/base/lock.ts';
import { runTool } from '../../../src/base/process.ts';

export interface DotnetProject {
  /** Of the folder of its builds. */
  readonly name: string;
  /** Name and content of every file, the project file among them. */
  readonly sources: ReadonlyMap<string, string>;
  /** `build` or `publish`, and options of it. */
  readonly verb: readonly string[];
}

const DOTNET_ENVIRONMENT = {
  DOTNET_NOLOGO: '1',
  DOTNET_CLI_TELEMETRY_OPTOUT: '1',
  DOTNET_CLI_WORKLOAD_UPDATE_NOTIFY_DISABLE: 'true',
} as const;

/**
 * The folder that holds what the project builds.
 *
 * @throws HyperfileError TOOL_FAILED with what the compiler said
 */
export async function dotnetBuild(project: DotnetProject): Promise<string> {
  const home = path.join(buildsFolder(), `${project.name}-${digest(project)}`);
  if (existsSync(home)) return home;
  await withLock(`${home}.lock`, {}, async () => {
    if (!existsSync(home)) await make(project, home);
  });
  return home;
}

/** .NET's name of this platform. */
export function runtimeIdentifier(): string {
  const system = { win32: 'win', darwin: 'osx' }[process.platform as string] ?? 'linux';
  return `${system}-${process.arch}`;
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

function digest({ verb, sources }: DotnetProject): string {
  const parts = [verb, [...sources].sort()];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 16);
}

async function make(project: DotnetProject, home: string): Promise<void> {
  const work = `${home}.${process.pid}`;
  const [source, staged] = [path.join(work, 'project'), path.join(work, 'built')];
  try {
    lay(project.sources, source);
    // No helper of the compiler outlives the build: it would hold on to our pipes.
    const alone = ['-nodeReuse:false', '-p:UseSharedCompilation=false'];
    const [verb, ...options] = project.verb;
    const args = [
      verb,
      source,
      '-c',
      'Release',
      '-o',
      staged,
      ...options,
      ...alone,
      '-v',
      'quiet',
      '-nologo',
    ];
    await runTool('dotnet', args, { env: DOTNET_ENVIRONMENT });
    renameSync(staged, home);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

function lay(files: ReadonlyMap<string, string>, folder: string): void {
  for (const [name, text] of files) {
    const file = path.join(folder, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
}
