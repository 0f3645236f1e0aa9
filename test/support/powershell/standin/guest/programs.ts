/**
 * The programs that every guest of the stand-in has on its PATH, and what its PowerShell does first. A guest has Windows'
 * names for things where PowerShell lets it: drive C: is its disk, `powershell.exe` and `cmd.exe` are there. .NET's own
 * file functions know no drives on this system: scripts for guests use PowerShell's.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { POWERSHELL_ENVIRONMENT } from '../../engine.ts';
import { COMMAND_LINE } from './command-line.ts';
import { EXIT_CODES } from './exit-code.ts';
import { GUEST_ROOT } from './paths.ts';

export interface GuestPlace {
  readonly machineId: string;
  readonly machineName: string;
  /** The account that is logged on. */
  readonly userName: string;
  /** Where its system volume is mounted. */
  readonly root: string;
  /** The host's socket. */
  readonly hostSocket: string;
}

export class GuestPrograms {
  readonly #folder: string;
  readonly #powershell: string;

  constructor(folder: string, powershell: string) {
    this.#folder = folder;
    this.#powershell = powershell;
    const bin = path.join(folder, 'bin');
    mkdirSync(bin, { recursive: true });
    mkdirSync(path.join(folder, 'exit-codes'));
    for (const name of ['cmd', 'net', 'shutdown', 'taskkill', 'whoami'])
      this.#writeProgram(name, this.#nodeScript(`${name}.ts`));
    for (const name of ['powershell', 'pwsh']) this.#writeProgram(name, this.#powershellScript());
  }

  #writeProgram(name: string, text: string): void {
    for (const file of [name, `${name}.exe`])
      writeFileSync(path.join(this.#folder, 'bin', file), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  }

  #nodeScript(name: string): string {
    return `exec '${process.execPath}' --disable-warning=ExperimentalWarning '${path.join(import.meta.dirname, name)}' "$@"`;
  }

  /** -NoProfile goes: the profile is what makes this a guest. */
  #powershellScript(): string {
    return `for word do
  shift
  case $word in -[Nn]o[Pp]rofile) ;; *) set -- "$@" "$word" ;; esac
done
exec '${this.#powershell}' "$@"`;
  }

  /** The environment of every process in a guest. Lays its profile, and the folder of an account that is new. */
  environment(place: GuestPlace): NodeJS.ProcessEnv {
    mkdirSync(path.join(place.root, 'Users', place.userName), { recursive: true });
    const config = path.join(this.#folder, place.machineId);
    const { NODE_COMPILE_CACHE } = process.env;
    mkdirSync(path.join(config, 'powershell'), { recursive: true });
    writeFileSync(path.join(config, 'powershell/profile.ps1'), guestProfile(place));
    return {
      PATH: `${path.join(this.#folder, 'bin')}:/usr/local/bin:/usr/bin:/bin`,
      HOME: place.root,
      XDG_CONFIG_HOME: config,
      XDG_DATA_HOME: path.join(config, 'data'),
      XDG_CACHE_HOME: path.join(config, 'cache'),
      ...POWERSHELL_ENVIRONMENT,
      // Programs from their sources: Node compiles them once.
      ...(NODE_COMPILE_CACHE !== undefined && { NODE_COMPILE_CACHE }),
      COMPUTERNAME: place.machineName,
      USERNAME: place.userName,
      USERPROFILE: 'C:\\Users\\' + place.userName,
      SystemRoot: String.raw`C:\Windows`,
      SystemDrive: 'C:',
      ComSpec: 'cmd.exe',
      [GUEST_ROOT]: place.root,
      [EXIT_CODES]: path.join(this.#folder, 'exit-codes'),
      HYPERV_GUEST_ID: place.machineId,
      HYPERV_GUEST_HOST: place.hostSocket,
    };
  }

  /** The script that gives a session its drive. */
  profileOf({ machineId }: GuestPlace): string {
    return path.join(this.#folder, machineId, 'powershell/profile.ps1');
  }
}

function guestProfile({ root }: GuestPlace): string {
  return `$null = New-PSDrive -Name C -PSProvider FileSystem -Root '${root}' -Scope Global -ErrorAction SilentlyContinue
$place = (Get-Location).ProviderPath
if ($place -eq '${root}' -or $place.StartsWith('${root}/')) {
    Set-Location -LiteralPath ('C:' + $place.Substring('${root}'.Length) + '/')
}
Remove-Variable -Name place
# Two things of .NET that are not on this system what they are on Windows: see guest/command-line.ts and guest/exit-code.ts.
Update-TypeData -Force -TypeName System.Diagnostics.ProcessStartInfo -MemberType ScriptProperty -MemberName Arguments -Value { $this.psbase.Arguments } -SecondValue {
    $this.psbase.Arguments = $args[0]
    $this.psbase.EnvironmentVariables['${COMMAND_LINE}'] = $args[0]
}
Update-TypeData -Force -TypeName System.Diagnostics.Process -MemberType ScriptProperty -MemberName ExitCode -Value {
    $code = $this.psbase.ExitCode
    $file = Join-Path -Path $env:${EXIT_CODES} -ChildPath $this.psbase.Id
    if (-not (Test-Path -LiteralPath $file)) { return $code }
    $wide = [int] (Get-Content -LiteralPath $file -Raw)
    $narrow = $wide -band 255
    if ($narrow -eq 0) { $narrow = 1 }
    if ($narrow -eq $code) { return $wide }
    $code
}
`;
}
