/**
 * Holds PowerShell scripts against the contract without running them: every command exists and is called by its full name,
 * with parameters that are there, in a set that is complete and clear, with values that are documented; and in the syntax
 * that Windows PowerShell 5.1 has too.
 */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { chooseSet } from '../contract/choose-set.ts';
import { readContract, type CmdletContract } from '../contract/contract.ts';

export interface CallFinding {
  readonly file: string;
  readonly line: number;
  readonly problem: string;
}

/** What read-calls.ps1 writes. */
type Line =
  | {
      readonly kind: 'dynamic' | 'syntax' | 'version';
      readonly file: string;
      readonly line: number;
      readonly detail: string;
    }
  | CallLine;

interface CallLine {
  readonly kind: 'call';
  readonly file: string;
  readonly line: number;
  /** As it is written. */
  readonly name: string;
  readonly isOwn: boolean;
  /** Empty when there is no such command. */
  readonly type: string;
  readonly module: string;
  /** Constant values as text, others null. */
  readonly parameters: Readonly<Record<string, string | null>>;
  readonly errors: readonly string[];
  readonly isSplatted: boolean;
  readonly isPiped: boolean;
}

/** Parameters of PowerShell's own cmdlets that version 5.1 has not. */
export const NEWER_PARAMETERS: Readonly<Record<string, readonly string[]>> = {
  'ConvertFrom-Json': ['AsHashtable', 'Depth', 'NoEnumerate', 'DateKind'],
  'ConvertTo-Json': ['AsArray', 'EnumsAsStrings', 'EscapeHandling'],
  'Get-Content': ['AsByteStream'],
  'Set-Content': ['AsByteStream'],
  'Add-Content': ['AsByteStream'],
  'ForEach-Object': ['Parallel', 'ThrottleLimit', 'TimeoutSeconds', 'AsJob', 'UseNewRunspace'],
  'Join-Path': ['AdditionalChildPath', 'Extension'],
  'New-PSSession': [
    'HostName',
    'UserName',
    'KeyFilePath',
    'SSHConnection',
    'Subsystem',
    'ConnectingTimeout',
    'Options',
  ],
  'Remove-Item': ['Stream'],
  'Sort-Object': ['Top', 'Bottom', 'Stable'],
  'Split-Path': ['LeafBase', 'Extension'],
  'Start-Sleep': ['Duration'],
};

export interface CheckOptions {
  readonly executable: string;
  /** Has the stand-in's modules on `PSModulePath`. */
  readonly environment: Readonly<Record<string, string>>;
}

export function checkCalls(files: readonly string[], options: CheckOptions): CallFinding[] {
  const script = path.join(import.meta.dirname, 'read-calls.ps1');
  const list = files.map((file) => `'${file.replaceAll("'", "''")}'`).join(',');
  const output = execFileSync(
    options.executable,
    ['-NoLogo', '-NoProfile', '-NonInteractive', '-Command', `& '${script}' -Files ${list}`],
    { env: { ...process.env, ...options.environment }, encoding: 'utf8', maxBuffer: 2 ** 28 },
  );
  const lines = output.split('\n').filter((line) => line !== '');
  const contract = new Map(
    readContract().cmdlets.map((cmdlet) => [`${cmdlet.module}\\${cmdlet.name}`, cmdlet]),
  );
  return lines.flatMap((text) => {
    const line = JSON.parse(text) as Line;
    const problems = line.kind === 'call' ? problemsOf(line, contract) : [`${line.kind}: ${line.detail}`];
    return problems.map((problem) => ({ file: line.file, line: line.line, problem }));
  });
}

function problemsOf(call: CallLine, contract: ReadonlyMap<string, CmdletContract>): string[] {
  const { name, isOwn, type, module, parameters } = call;
  if (isOwn) return [];
  const errors = bindingErrors(call);
  if (type === '') return [`${name}: no such command`];
  if (type === 'Alias') return [`${name}: an alias`];
  const full = `${module}\\${name.split('\\').at(-1)}`;
  const cmdlet = contract.get(full);
  const plain = name.split('\\').at(-1)!;
  const newer = Object.keys(parameters).filter((own) => NEWER_PARAMETERS[plain]?.includes(own));
  return [
    ...errors.map((error) => `${name}: ${error}`),
    ...newer.map((own) => `${name} -${own}: not in Windows PowerShell 5.1`),
    ...(cmdlet === undefined ? [] : contractProblems(call, cmdlet)),
  ];
}

/** What the pipeline brings decides between sets, and is not known before the call. */
function bindingErrors({ errors, isPiped }: CallLine): readonly string[] {
  return errors.filter((error) => !(isPiped && error === 'AmbiguousParameterSet'));
}

function contractProblems(call: CallLine, cmdlet: CmdletContract): string[] {
  const { name, parameters, isSplatted, isPiped } = call;
  const isForeign = ['Hyper-V', 'Storage', 'Dism'].includes(cmdlet.module);
  const unqualified = isForeign && !name.includes('\\') ? [`${name}: write ${cmdlet.module}\\${name}`] : [];
  const values = Object.entries(parameters).flatMap(([own, value]) => {
    const known = cmdlet.parameters[own]?.values ?? [];
    const isKnown =
      value === null || known.length === 0 || known.some((one) => one.toLowerCase() === value.toLowerCase());
    return isKnown || cmdlet.parameters[own].type === 'SwitchParameter'
      ? []
      : [`${name} -${own} ${value}: not one of ${known.join(', ')}`];
  });
  // What a splatted table holds is not known before the call.
  if (isSplatted || bindingErrors(call).length > 0 || !isForeign) return [...unqualified, ...values];
  const choice = chooseSet(
    cmdlet,
    Object.keys(parameters).filter((own) => own in cmdlet.parameters),
    isPiped,
  );
  const set =
    'set' in choice
      ? []
      : [`${name}: ${choice.problem} parameter set, missing: ${choice.missing.join(', ') || '?'}`];
  return [...unqualified, ...values, ...set];
}
