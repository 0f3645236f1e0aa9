/** The workflow of GitHub's runners: its steps can only fail there, so what can be held here is held here. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

const ROOT = path.resolve(import.meta.dirname, '../..');
/** What a runner with Ubuntu has for root, and what comes from an action. */
const OF_THE_JOB = ['dotnet:10', 'root', '/dev/fuse', '/dev/loop-control', 'mount', 'tar'];
const FILE = path.join(ROOT, '.github/workflows/ci.yml');

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly shell?: string;
  readonly with?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string>>;
}

interface Job {
  readonly 'runs-on': string | readonly string[];
  readonly if?: string;
  readonly 'timeout-minutes': number;
  readonly steps: readonly Step[];
}

const text = readFileSync(FILE, 'utf8');
const workflow = parse(text) as { readonly jobs: Readonly<Record<string, Job>>; readonly on: object };
const { scripts, engines } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
  scripts: Record<string, string>;
  engines: { node: string };
};
const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);

describe('the workflow', () => {
  test('has a job for each system, and one for Hyper-V that only runs when it is asked for', () => {
    const systems = Object.entries(workflow.jobs).map(([name, job]) => [name, job['runs-on']]);
    expect(Object.fromEntries(systems)).toEqual({
      linux: 'ubuntu-latest',
      macos: 'macos-latest',
      windows: 'windows-latest',
      'hyper-v': ['self-hosted', 'windows', 'hyper-v'],
    });
    expect(Object.keys(workflow.on).sort()).toEqual(['pull_request', 'push', 'workflow_dispatch']);
    for (const [name, job] of Object.entries(workflow.jobs)) {
      expect(job['timeout-minutes']).toBeGreaterThan(0);
      expect(job.if !== undefined).toBe(name === 'hyper-v');
    }
    // What runs on somebody's own host is never what a fork sent.
    expect(workflow.jobs['hyper-v']?.if).toContain('head.repo.full_name == github.repository');
  });

  test('runs only npm scripts and files that exist', () => {
    const lines = steps.flatMap(({ run }) => run?.split('\n') ?? []).filter((line) => line !== '');
    expect(lines.length).toBeGreaterThan(10);
    for (const line of lines) {
      const [, script] = /npm (?:run ([\w:-]+)|test|ci)/.exec(line) ?? [];
      const [file] = /(?:\.\/)?(?:test|dist|scripts)\/[\w./-]+/.exec(line) ?? [];
      expect(line).toMatch(/\bnpm (run|test|ci)\b|^node dist\/hyperfile\.cjs|^\.\/test\/hyperv-host\.ps1/);
      if (script !== undefined) expect(scripts).toHaveProperty([script]);
      // dist/ is what the step before makes.
      if (file !== undefined && !file.startsWith('dist/'))
        expect(existsSync(path.join(ROOT, file))).toBe(true);
    }
    expect(scripts).toHaveProperty('test');
  });

  test('checks out, installs and builds before it tests, with a Node that the project takes', () => {
    for (const { steps: own } of Object.values(workflow.jobs)) {
      const done = own.map(({ uses, run }) => uses?.replace(/@.*/, '') ?? run ?? '');
      const at = (what: string) => done.findIndex((step) => step.includes(what));
      const order = ['actions/checkout', 'actions/setup-node', 'npm ci', 'npm run build'].map(at);
      expect(order).not.toContain(-1);
      expect(order).toEqual([...order].sort((left, right) => left - right));
      const node = own.find(({ uses }) => uses?.startsWith('actions/setup-node'))?.with?.['node-version'];
      expect(Number(node)).toBeGreaterThanOrEqual(Number(/\d+/.exec(engines.node)?.[0]));
    }
  });

  test('has on Linux what its tests need, and fails where that is missing instead of skipping them', () => {
    const own = workflow.jobs.linux?.steps ?? [];
    const at = (part: (step: Step) => boolean | undefined) => own.findIndex(part);
    const dotnet = at(({ uses }) => uses?.startsWith('actions/setup-dotnet@'));
    const tests = at(({ run }) => run?.includes('npm test'));
    expect(own[dotnet]?.with).toEqual({ 'dotnet-version': '10.0.x' });
    expect(dotnet).toBeLessThan(tests);
    // As root, with the environment and the PATH of the job.
    expect(own[tests]?.run).toMatch(/^sudo --preserve-env env "PATH=\$PATH" /);
    const promised = own[tests]?.env?.HYPERFILE_TEST_REQUIRE?.split(', ') ?? [];
    expect(promised).toEqual(
      expect.arrayContaining(['dotnet:10', 'root', 'losetup', 'lowntfs-3g', 'mkntfs']),
    );
    // What is no package is the system's, root's or the action's.
    const packages = readFileSync(path.join(ROOT, 'scripts/system-packages.sh'), 'utf8');
    for (const name of promised.filter((name) => !OF_THE_JOB.includes(name)))
      expect(
        packages.split(/[\s']+/).some((pair) => pair.startsWith(`${name}=`)),
        name,
      ).toBe(true);
  });

  test('calls the script for Hyper-V hosts with parameters that it has, in both editions of PowerShell', () => {
    const parameters = readFileSync(path.join(ROOT, 'test/hyperv-host.ps1'), 'utf8');
    const calls = workflow.jobs['hyper-v']?.steps.filter(({ run }) => run?.includes('hyperv-host.ps1')) ?? [];
    expect(calls.map(({ shell }) => shell)).toEqual(['powershell', 'pwsh']);
    for (const { run = '', env = {} } of calls) {
      for (const [, name] of run.matchAll(/ -(\w+)/g))
        expect(parameters).toMatch(new RegExp(`\\$${name}\\b`));
      for (const [, name] of run.matchAll(/\$env:(\w+)/g)) expect(env).toHaveProperty([name ?? '']);
    }
  });

  test('names no host, and asks for no more rights than to read', () => {
    expect(text).not.toMatch(/https?:\/\/|\b[\w-]+\.(?:io|com|dev|net)\b/);
    expect(workflow).toMatchObject({ permissions: { contents: 'read' } });
  });
});
