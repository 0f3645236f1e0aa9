/**
 * The script for real Hyper-V hosts, as far as it can be held without one: read by PowerShell's parser and checked against
 * the documented cmdlets, and run where nothing can be proven, to see that it says so and cleans up.
 */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { run } from '../src/cli/run.ts';
import { parseRecipe, raiseErrors } from '../src/language/parse.ts';
import { fakeConsole } from './cli/fake-console.ts';
import { describeWith } from './support/needs.ts';
import { powershellEngine, POWERSHELL_ENVIRONMENT, POWERSHELL_NEEDS } from './support/powershell/engine.ts';
import { runScript } from './support/powershell/run-script.ts';
import { layModules } from './support/powershell/standin/module/build-module.ts';
import { STANDIN_NEEDS, startStandIn, type StandIn } from './support/powershell/standin/standin.ts';
import { checkCalls } from './support/powershell/static/check-calls.ts';

const SCRIPT = path.join(import.meta.dirname, 'hyperv-host.ps1');

/** Brings the functions of the script, and runs nothing of it. */
const FUNCTIONS = `
  $ast = [Management.Automation.Language.Parser]::ParseFile('${SCRIPT}', [ref] $null, [ref] $null)
  $kind = [Management.Automation.Language.FunctionDefinitionAst]
  foreach ($one in $ast.FindAll({ $args[0] -is $kind }, $false)) { . ([scriptblock]::Create($one.Extent.Text)) }
`;

test('the script is ASCII, which Windows PowerShell reads the same in every code page', () => {
  expect(readFileSync(SCRIPT, 'latin1')).not.toMatch(/[^ -~\n]/);
});

test('the script calls verbs and options that the command has', async () => {
  const text = readFileSync(SCRIPT, 'utf8');
  const build = /\$words = @\('build'.*?\n}/s.exec(text)?.[0] ?? '';
  const others = [...text.matchAll(/-Argument ('\w+'.*)$/gm)].map(([, line]) => line ?? '');
  const calls = [build, ...others].map((line) =>
    [...line.matchAll(/'(-{0,2}[a-z][a-z-]*)'/g)].map(([, word]) => word ?? ''),
  );
  expect(calls.length).toBeGreaterThan(6);
  for (const [verb = '', ...words] of calls) {
    const part = verb === 'disk' ? words.filter((word) => !word.startsWith('-')).slice(0, 1) : [];
    const console = fakeConsole();
    expect(await run(['help', verb, ...part], console)).toBe(0);
    for (const option of words.filter((word) => word.startsWith('--')))
      expect(console.written.out, `${verb} ${option}`).toMatch(new RegExp(`^ +(?:-\\w, )?${option}\\b`, 'm'));
  }
});

interface BuildCall {
  readonly recipe: string;
  readonly words: readonly string[];
  /** By id, the lines of its file. */
  readonly secrets: Readonly<Record<string, readonly string[]>>;
}

describeWith(POWERSHELL_NEEDS, "the recipes of the script's own", () => {
  let folder: string;
  let builds: BuildCall[];
  let left: string[];

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'hyperfile-host-recipes-'));
    const work = path.join(folder, 'work');
    mkdirSync(path.join(work, 'context'), { recursive: true });
    writeFileSync(path.join(folder, 'guest.txt'), 'Administrator\npassword\n');
    writeFileSync(path.join(folder, 'linux.txt'), 'root\nkey\n');
    writeFileSync(path.join(folder, 'Debian.VHDX'), 'a disk');
    const { executable } = await powershellEngine();
    // The script's proofs, with a command that notes what it should build, on a host that has nothing.
    const said = await runScript<BuildCall | string[]>(
      { executable, environment: POWERSHELL_ENVIRONMENT },
      `${FUNCTIONS}
      function Test-Claim { param($Claim, $Proof) $null = . $Proof }
      function Assert-NothingLeft { }
      function Invoke-Hyperfile {
        param($Argument, $Minutes)
        $at = [array]::IndexOf($Argument, '--file')
        if ($Argument[0] -ne 'build' -or $at -lt 0) { return '{"type":"build-end","status":"done"}' }
        $secrets = @{}
        foreach ($word in $Argument) {
          if ($word -match '^id=([^,]+),src=(.*)') { $secrets[$Matches[1]] = [System.IO.File]::ReadAllLines($Matches[2]) }
        }
        say ([ordered] @{ recipe = [System.IO.File]::ReadAllText($Argument[$at + 1]); words = $Argument; secrets = $secrets })
        '{"type":"build-end","status":"done"}'
      }
      $script:Tag = $script:ImageName = $script:OtherName = 'hyperfile-host-test'
      $script:Options = ''
      $script:BuildMinutes = 1
      $script:Work = '${work}'
      $script:Context = '${work}/context'
      $script:Secret = '${folder}/guest.txt'
      $script:From = 'FROM ./windows.vhdx'
      $LinuxDisk = '${folder}/Debian.VHDX'
      $LinuxSecret = '${folder}/linux.txt'
      Test-Step
      Test-Account
      Test-Linux
      say @(Get-ChildItem -LiteralPath $script:Work -Recurse -File | ForEach-Object Name)`,
    );
    builds = said.slice(0, -1) as BuildCall[];
    left = said.at(-1) as string[];
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** The build whose recipe has a text. */
  function withText(text: string): BuildCall {
    const found = builds.filter(({ recipe }) => recipe.includes(text));
    expect(found).toHaveLength(1);
    return found[0];
  }

  /** Kinds of the instructions, stage after stage. */
  function kindsOf({ recipe }: BuildCall): string[] {
    const result = parseRecipe(recipe, 'Hyperfile');
    raiseErrors(result);
    return result.recipe.stages.flatMap(({ from, instructions }) =>
      [from, ...instructions].map(({ kind }) => kind),
    );
  }

  test('are recipes, and leave neither themselves nor passwords behind', () => {
    expect(builds).toHaveLength(5);
    for (const build of builds) expect(kindsOf(build).slice(0, 2)).toEqual(['FROM', 'RUN']);
    expect(left.sort()).toEqual(['copied.txt', 'linux.vhdx']);
  });

  test('copy a file between two commands of a guest that is sealed by checkpoints', () => {
    const build = withText('C:\\two.html');
    expect(kindsOf(build)).toEqual(['FROM', 'RUN', 'COPY', 'RUN']);
    expect(build.words).toContain('seal=checkpoint');
  });

  test('run commands as accounts that have secrets of their own', () => {
    for (const name of ['hfplain', 'hfremote']) {
      const build = withText(`USER ${name}`);
      expect(kindsOf(build).slice(-3)).toEqual(['USER', 'RUN', 'RUN']);
      const [user, password = ''] = build.secrets[`guest.${name}`] ?? [];
      expect(user).toBe(name);
      expect(build.recipe).toContain(`RUN net user ${name} ${password} /add\n`);
      // net asks about longer ones.
      expect(password).toMatch(/^.{14}$/);
      expect(build.secrets.guest).toEqual(['Administrator', 'password']);
    }
  });

  test('copy files to a Linux guest and run commands there', () => {
    const build = withText('FROM ./linux.vhdx');
    expect(kindsOf(build)).toEqual(['FROM', 'RUN', 'COPY', 'RUN']);
    expect(build.secrets).toEqual({ guest: ['root', 'key'] });
    expect(build.words.at(-1)).toBe(path.join(folder, 'work/linux'));
  });
});

describeWith([...new Set([...POWERSHELL_NEEDS, 'dotnet:10'])], 'the script for Hyper-V hosts', () => {
  let folder: string;
  let executable: string;
  let environment: Record<string, string>;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'hyperfile-host-script-'));
    await layModules(path.join(folder, 'modules'));
    ({ executable } = await powershellEngine());
    environment = { ...POWERSHELL_ENVIRONMENT, PSModulePath: path.join(folder, 'modules') };
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Runs the script with stand-ins for cmdlets that only Windows has. */
  async function runWith(stubs: string, call: string): Promise<{ status: number; lines: string[] }> {
    const file = path.join(folder, 'call.ps1');
    writeFileSync(file, `${stubs}\n& '${SCRIPT}' ${call}\nexit $LASTEXITCODE\n`);
    const temporary = path.join(folder, 'temporary');
    mkdirSync(temporary, { recursive: true });
    const env = { ...process.env, ...environment, TMPDIR: temporary };
    const args = ['-NoLogo', '-NoProfile', '-NonInteractive', '-File', file];
    const ended = await promisify(execFile)(executable, args, { env }).then(
      ({ stdout }) => ({ status: 0, stdout }),
      (error: { code: number; stdout: string }) => ({ status: error.code, stdout: error.stdout }),
    );
    expect(readdirSync(temporary).filter((name) => name.startsWith('hyperfile'))).toEqual([]);
    return { status: ended.status, lines: ended.stdout.split('\n') };
  }

  test('calls documented cmdlets in full, in the syntax of Windows PowerShell 5.1', () => {
    // Not among the modules of this host, though every Windows has it.
    const known = /CimCmdlets\\Get-CimInstance: no such command/;
    const findings = checkCalls([SCRIPT], { executable, environment });
    expect(findings.filter(({ problem }) => !known.test(problem))).toEqual([]);
  });

  test('fails with a table, and leaves no file, where there is no Hyper-V', async () => {
    const { status, lines } = await runWith(
      'function Hyper-V\\Get-VM { throw "there is no Hyper-V here" }; function CimCmdlets\\Get-CimInstance { }',
      `-BaseDisk '${SCRIPT}' -SecretFile '${SCRIPT}' -Command '${SCRIPT}'`,
    );
    expect(status).toBe(1);
    expect(lines).toContain('FAILED  the host has what the test needs');
    expect(lines.find((line) => line.startsWith('PROVEN'))).toMatch(/SECONDS {2}CLAIM$/);
    expect(lines.at(-2)).toMatch(/^\d+ proven, [1-9]\d* failed, PowerShell \d/);
  });
});

describeWith(STANDIN_NEEDS, 'on a stand-in of Hyper-V the script', () => {
  let standIn: StandIn;
  let store: string;

  beforeAll(async () => {
    standIn = await startStandIn();
    store = mkdtempSync(path.join(standIn.host.folder, 'store-'));
  });
  afterAll(async () => standIn.stop());

  /** The functions of the script, and what it would know of its store. */
  const functions = (): string => `
    ${FUNCTIONS}
    function CimCmdlets\\Get-CimInstance { [pscustomobject] @{ ProcessId = 1; CommandLine = $script:Line } }
    $script:Line = 'node another.js'
    $script:Program = '/somewhere/hyperfile.cjs'
    $script:Tag = 'hyperfile-host-test'
    $script:StoreFolder = '${store}'
    $script:Mark = Get-StoreMark -Path $script:StoreFolder
    $script:MachinesBefore = @(Hyper-V\\Get-VM | ForEach-Object Id)
    function Get-Left { try { Assert-NothingLeft; 'nothing' } catch { "$_" } }`;

  test('sees whatever a command may leave', async () => {
    const left = await runScript(
      standIn,
      `${functions()}
      say (Get-Left)
      $machine = Hyper-V\\New-VM -Name "hyperfile_$($script:Mark)_1_0" -Generation 2 -MemoryStartupBytes 1GB -NoVHD
      say (Get-Left)
      $script:MachinesBefore = @($machine.Id)
      say (Get-Left)
      Hyper-V\\Remove-VM -VM $machine -Force
      say (Get-Left)
      $script:MachinesBefore = @()
      $disk = Join-Path -Path $script:StoreFolder -ChildPath 'layer.vhdx'
      $null = Hyper-V\\New-VHD -Path $disk -SizeBytes 64MB -Dynamic
      say (Get-Left)
      Hyper-V\\Mount-VHD -Path $disk -NoDriveLetter
      say (Get-Left)
      Hyper-V\\Dismount-VHD -Path $disk
      foreach ($name in 'run/1-1.1.claims', '.unfinished-1', 'machine.avhdx') {
        $file = Join-Path -Path $script:StoreFolder -ChildPath $name
        $null = New-Item -ItemType File -Path $file -Force
        if ($name -eq 'machine.avhdx') { Remove-Item -LiteralPath $file; $null = Hyper-V\\New-VHD -Path "$disk.vhdx" -SizeBytes 64MB -Dynamic; Rename-Item -LiteralPath "$disk.vhdx" -NewName $name }
        say (Get-Left)
        Remove-Item -LiteralPath $file -Force
      }
      $script:Line = 'node "/somewhere/hyperfile.cjs" build .'
      say (Get-Left)
      $script:Line = 'node another.js'
      say (Get-Left)`,
    );
    expect(left).toEqual([
      'nothing',
      expect.stringMatching(/^machines: found \[/),
      'a machine of the store is left',
      expect.stringMatching(/^machines: found \[\], expected/),
      'nothing',
      `attached: ${path.join(store, 'layer.vhdx')}`,
      'sessions: 1-1.1.claims',
      `files: ${path.join(store, '.unfinished-1')}`,
      `files: ${path.join(store, 'machine.avhdx')}`,
      'processes: 1',
      'nothing',
    ]);
  });

  test('finds the machines of a store by the name that the driver gives them', async () => {
    const { markOf } = await import('../src/drivers/hyperv/driver.ts');
    const [mark] = await runScript(standIn, `${functions()}\nsay $script:Mark`);
    expect(mark).toBe(markOf(store));
  });
});
