import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { completions } from '../../src/cli/complete.ts';
import { run } from '../../src/cli/run.ts';
import { VERBS } from '../../src/cli/verbs.ts';
import { builtCommand } from '../support/built-command.ts';
import { describeWith } from '../support/needs.ts';
import { powershellEngine, POWERSHELL_ENVIRONMENT, POWERSHELL_NEEDS } from '../support/powershell/engine.ts';
import { runScript } from '../support/powershell/run-script.ts';
import { fakeConsole } from './fake-console.ts';
import { storeWithImages } from './store-with-images.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-completion-'));
const home = path.join(folder, 'store');
beforeAll(async () => {
  await storeWithImages(home, ['web:1.2', 'web:latest', 'team/db:latest']);
  const command = `exec '${process.execPath}' '${builtCommand()}' "$@"`;
  writeFileSync(path.join(folder, 'hyperfile'), `#!/bin/sh\n${command}\n`, { mode: 0o755 });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function complete(...words: string[]): Promise<string[]> {
  const found = await completions(words, fakeConsole({ env: { HYPERFILE_STORE: home } }));
  return found.map(({ value }) => value);
}

async function script(shell: string): Promise<string> {
  const console = fakeConsole();
  expect(await run(['completion', shell], console)).toBe(0);
  return console.written.out;
}

const environment = { ...process.env, HYPERFILE_STORE: home, PATH: `${folder}:${process.env.PATH}` };

describe('completion', () => {
  test('offers verbs, then what a verb takes', async () => {
    expect(await complete('')).toEqual(VERBS.map(({ name }) => name));
    expect(await complete('i')).toEqual(['images', 'inspect', 'import', 'index']);
    expect(await complete('help', 'bu')).toEqual(['build']);
    expect(await complete('disk', 'in')).toEqual(['info']);
    expect(await complete('completion', '')).toEqual(['bash', 'zsh', 'fish', 'powershell']);
  });

  test('offers options and their values', async () => {
    expect(await complete('build', '--t')).toEqual(['--tag', '--target']);
    expect(await complete('build', '.', '--progress', '')).toEqual(['auto', 'tty', 'plain', 'json']);
    expect(await complete('build', '--progress=p')).toEqual(['--progress=plain']);
    // As bash cuts it.
    expect(await complete('build', '--progress', '=', 'p')).toEqual(['plain']);
    expect(await complete('build', '--progress', '=')).toEqual(['auto', 'tty', 'plain', 'json']);
    expect(await complete('disk', 'info', '--f')).toEqual(['--format']);
  });

  test('offers drivers, what can be set of the one that is meant, and its values', async () => {
    expect(await complete('build', '--driver', '')).toEqual(['namespace', 'hyperv']);
    expect(await complete('import', '--driver=h')).toEqual(['--driver=hyperv']);
    const keys = ['seal=', 'switch=', 'memory=', 'cpus=', 'boot-timeout=', 'setup-timeout=', 'stop-timeout='];
    expect(await complete('build', '--driver', 'hyperv', '--driver-opt', '')).toEqual(keys);
    expect(await complete('build', '--driver', 'namespace', '--driver-opt', '')).toEqual(['runtime=']);
    expect(await complete('build', '--driver=hyperv', '--driver-opt=s')).toEqual(
      keys.filter((key) => key.startsWith('s')).map((key) => `--driver-opt=${key}`),
    );
    // The last that was said, as the build takes it.
    const last = ['--driver', 'namespace', '--driver', 'hyperv'];
    const seal = ['seal=shutdown', 'seal=checkpoint'];
    expect(await complete('import', ...last, '--driver-opt', 'seal=')).toEqual(seal);
    expect(await complete('build', ...last, '--driver-opt', 'cpus=4,sea')).toEqual(['cpus=4,seal=']);
    expect(await complete('build', ...last, '--driver-opt', 'cpus=4,seal=c')).toEqual([
      'cpus=4,seal=checkpoint',
    ]);
    expect(await complete('build', '--driver', 'none', '--driver-opt', '')).toEqual([]);
    expect(await complete('build', '--driver', 'hyperv', '--driver-opt', 'memory=')).toEqual([]);
  });

  test('offers the settings of the usual driver where none is named', async () => {
    vi.stubEnv('HYPERFILE_DRIVER', 'hyperv');
    onTestFinished(() => void vi.unstubAllEnvs());
    expect(await complete('build', '--driver-opt', 'se')).toEqual(['seal=', 'setup-timeout=']);
    vi.stubEnv('HYPERFILE_DRIVER', 'namespace');
    expect(await complete('build', '--driver-opt', '')).toEqual(['runtime=']);
  });

  test('begins the secret that guests are entered with, and leaves its file to the shell', async () => {
    expect(await complete('build', '--secret', '')).toEqual(['id=guest,src=']);
    expect(await complete('build', '--secret=i')).toEqual(['--secret=id=guest,src=']);
    expect(await complete('build', '--secret', 'id=guest,src=')).toEqual([]);
    expect(await complete('build', '--secret', 'id=token,')).toEqual([]);
  });

  test('goes on within values that bash has cut at =', async () => {
    const build = ['build', '--driver', '=', 'hyperv', '--driver-opt'];
    expect(await complete(...build, 'seal', '=')).toEqual(['shutdown', 'checkpoint']);
    expect(await complete(...build, '=', 'seal', '=', 'c')).toEqual(['checkpoint']);
    expect(await complete(...build, 'seal', '=', 'shutdown,sw')).toEqual(['shutdown,switch=']);
    expect(await complete('build', '--secret', 'id', '=', 'g')).toEqual(['guest,src=']);
    expect(await complete('build', '--secret', 'id', '=', 'guest,src', '=')).toEqual([]);
    // What was a value is no argument of its own.
    const images = await complete('history', '--format', '=', 'json', 'w');
    expect(images.sort()).toEqual(['web:1.2', 'web:latest']);
  });

  test('offers the names of images where an image is named', async () => {
    const names = ['team/db:latest', 'web:1.2', 'web:latest'];
    expect((await complete('history', '')).sort()).toEqual(names);
    expect((await complete('rmi', 'web:1.2', 'w')).sort()).toEqual(['web:1.2', 'web:latest']);
    expect(await complete('tag', 'web:1.2', '')).toEqual([]);
  });

  test('offers places, names of registries and registries where those are meant', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-completion-remote-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const store = path.join(folder, 'store');
    await storeWithImages(store, ['web:1.2', 'localhost:5000/team/web:1.2']);
    writeFileSync(path.join(folder, 'config.json'), JSON.stringify({ auths: { 'localhost:5000': {} } }));
    const env = { HYPERFILE_STORE: store, DOCKER_CONFIG: folder };
    const offered = async (...words: string[]) =>
      (await completions(words, fakeConsole({ env }))).map(({ value }) => value);
    expect((await offered('push', '')).sort()).toEqual(['localhost:5000/team/web:1.2', 'web:1.2']);
    expect(await offered('pull', '')).toEqual(['localhost:5000/team/web:1.2']);
    expect(await offered('copy', 'oci')).toEqual(['oci:', 'oci-archive:']);
    expect(await offered('copy', 'web', 'l')).toEqual(['localhost:5000/team/web:1.2']);
    expect(await offered('logout', '')).toEqual(['localhost:5000']);
    expect(await offered('cache', '')).toEqual(['ls', 'prune', 'verify']);
  });

  test('leaves files to the shell, and unknown verbs alone', async () => {
    expect(await complete('build', '')).toEqual([]);
    expect(await complete('build', '-f', '')).toEqual([]);
    expect(await complete('import', '')).toEqual([]);
    expect(await complete('nothing', '')).toEqual([]);
  });

  test('has a script for each shell that asks the command', async () => {
    for (const shell of ['bash', 'zsh', 'fish', 'powershell'])
      expect(await script(shell)).toContain('__complete');
  });
});

describeWith(['bash'], 'completion in bash', () => {
  /** What bash would offer for a line with the cursor at its end. */
  async function offered(line: string): Promise<string[]> {
    // bash hands a line to the function cut into words at blanks and at = and :, each of those its own word.
    const program = `
      source /dev/stdin <<'SCRIPT'
${await script('bash')}
SCRIPT
      COMP_LINE=$1 COMP_POINT=\${#1}
      read -ra COMP_WORDS <<< "$(sed 's/[=:]/ & /g' <<< "$1")"
      [[ $1 == *' ' ]] && COMP_WORDS+=('')
      COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 ))
      $(complete -p hyperfile | sed 's/.*-F \\([^ ]*\\).*/\\1/')
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const text = execFileSync('bash', ['--norc', '-c', program, 'bash', line], {
      env: environment,
      encoding: 'utf8',
    });
    return text.split('\n').filter((word) => word !== '');
  }

  test('offers verbs, options, values and images', async () => {
    expect(await offered('hyperfile bu')).toEqual(['build']);
    expect(await offered('hyperfile build --no')).toEqual(['--no-cache']);
    expect(await offered('hyperfile build --progress=pl')).toEqual(['plain']);
    expect(await offered('hyperfile build --driver hyperv --driver-opt seal=')).toEqual([
      'shutdown',
      'checkpoint',
    ]);
    expect(await offered('hyperfile build --secret id=g')).toEqual(['guest,src=']);
    expect(await offered('hyperfile rmi team/')).toEqual(['team/db:latest']);
    expect(await offered('hyperfile build ./')).toEqual([]);
  });

  test('goes on behind the colon of an image name', async () => {
    expect(await offered('hyperfile history web:')).toEqual(['1.2', 'latest']);
    expect(await offered('hyperfile history web:1')).toEqual(['1.2']);
  });
});

describeWith(['zsh'], 'completion in zsh', () => {
  /** Calls the completion function as zsh does, with what it would hand the candidates to in its place. */
  async function offered(...words: string[]): Promise<string[]> {
    const program = `
      compdef() { }
      _files() { print FILES }
      _describe() { print -rl -- \${(@P)2} }
      ${await script('zsh')}
      words=(hyperfile "$@") CURRENT=$(( $# + 1 ))
      _hyperfile`;
    const text = execFileSync('zsh', ['-fc', program, 'zsh', ...words], {
      env: environment,
      encoding: 'utf8',
    });
    return text.trimEnd().split('\n');
  }

  test('offers verbs with what they do, and images, and leaves files to zsh', async () => {
    expect(await offered('bu')).toEqual(['build:Build an image from a Hyperfile']);
    expect(await offered('rmi', 'web:1')).toEqual(['web\\:1.2']);
    expect(await offered('build', '')).toEqual(['FILES']);
  });
});

describeWith(['fish'], 'completion in fish', () => {
  test('offers verbs and images', async () => {
    const program = `${await script('fish')}\ncomplete -C 'hyperfile bu'; complete -C 'hyperfile rmi team'`;
    const text = execFileSync('fish', ['--no-config', '-c', program], { env: environment, encoding: 'utf8' });
    expect(text).toMatch(/^build\tBuild an image/m);
    expect(text).toContain('team/db:latest');
  });
});

describeWith(POWERSHELL_NEEDS, 'completion in PowerShell', () => {
  /** What PowerShell itself would offer for lines with the cursor at their ends. */
  async function offered(...lines: string[]): Promise<string[][]> {
    const { executable } = await powershellEngine();
    const asked = lines.map((line) => `'${line.replaceAll("'", "''")}'`).join(', ');
    const program = `
      ${await script('powershell')}
      foreach ($line in ${asked}) {
        say @(([System.Management.Automation.CommandCompletion]::CompleteInput($line, $line.Length, $null)).CompletionMatches |
          Where-Object { "$($_.ResultType)" -eq 'ParameterValue' } | ForEach-Object { $_.CompletionText, $_.ToolTip })
      }`;
    return runScript<string[]>(
      { executable, environment: { ...environment, ...POWERSHELL_ENVIRONMENT } },
      program,
    );
  }

  test('offers verbs with what they do, options, values and images', async () => {
    const [verbs, options, values, images] = await offered(
      'hyperfile bu',
      'hyperfile build --no',
      'hyperfile build --progress ',
      "hyperfile 'history' te",
    );
    expect(verbs).toEqual(['build', 'Build an image from a Hyperfile']);
    expect(options?.[0]).toBe('--no-cache');
    expect(values?.filter((_, index) => index % 2 === 0)).toEqual(['auto', 'tty', 'plain', 'json']);
    expect(images?.[0]).toBe('team/db:latest');
  });
});
