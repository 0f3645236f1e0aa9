/** Runs a script in the PowerShell of the tests and reads what it says in JSON. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface ScriptRun {
  readonly executable: string;
  readonly environment: Readonly<Record<string, string>>;
}

/**
 * In front of every script: `say` writes a value, `failure` what a block fails with, or null: the identifier of the error
 * without the class that follows it, and its category; `pause` waits for what the test does meanwhile.
 */
const PRELUDE = `Set-StrictMode -Version 3
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
function say { param($Value) [Console]::Out.WriteLine((ConvertTo-Json -InputObject $Value -Compress -Depth 6 -EnumsAsStrings)) }
function failure {
    param([scriptblock] $Block)
    try { $null = & $Block; $null } catch { '{0} {1}' -f ($_.FullyQualifiedErrorId -replace ',.*'), $_.CategoryInfo.Category }
}
function pause {
    Set-Content -LiteralPath "$PSCommandPath.pause" -Value 'here'
    while (Test-Path -LiteralPath "$PSCommandPath.pause") { Start-Sleep -Milliseconds 20 }
}
`;
const POLL_MS = 20;

/**
 * The values that the script said, in order. Fails when it wrote to standard error or ended with an error.
 *
 * @param onPause what is done while it pauses
 */
export async function runScript<T = unknown>(
  run: ScriptRun,
  script: string,
  onPause: () => void = () => undefined,
): Promise<T[]> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hyperfile-script-'));
  const file = path.join(folder, 'script.ps1');
  writeFileSync(file, PRELUDE + script);
  const pauses = setInterval(() => {
    if (!existsSync(`${file}.pause`)) return;
    onPause();
    rmSync(`${file}.pause`);
  }, POLL_MS);
  try {
    const { stdout, stderr, status } = await ended(run, file);
    if (stderr !== '' || status !== 0)
      throw new Error(`the script ended with ${status}: ${stderr}\n${stdout}`);
    return stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as T);
  } finally {
    clearInterval(pauses);
    rmSync(folder, { recursive: true });
  }
}

function ended(
  run: ScriptRun,
  file: string,
): Promise<{ stdout: string; stderr: string; status: number | null }> {
  return new Promise((resolve, reject) => {
    const args = ['-NoLogo', '-NoProfile', '-NonInteractive', '-File', file];
    const child = spawn(run.executable, args, {
      env: { ...process.env, ...run.environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const said = { stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text: string) => (said.stderr += text));
    child.on('error', reject);
    child.on('close', (status) => resolve({ ...said, status }));
  });
}
