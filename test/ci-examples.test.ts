/** The examples of docs/ci.md and the steps of action.yml, run as a CI system would: with its shell, its variables, a registry. */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { builtCommand } from './support/built-command.ts';
import { describeWith } from './support/needs.ts';
import { PASSWORD, REGISTRY_NEEDS, startRegistry, USERNAME, type TestRegistry } from './support/registry.ts';

const ROOT = path.resolve(import.meta.dirname, '..');

interface Step {
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly script?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The fenced blocks of a CI system in docs/ci.md. */
function examples(system: string): unknown[] {
  const text = readFileSync(path.join(ROOT, 'docs/ci.md'), 'utf8');
  const blocks = text.matchAll(new RegExp(`^\`\`\`yaml ${system}\\n(.*?)^\`\`\`$`, 'gms'));
  return [...blocks].map(([, block]) => parse(block) as unknown);
}

describeWith(
  ['root', '/dev/fuse', 'mke2fs', 'losetup', 'bash', ...REGISTRY_NEEDS],
  'the examples for CI',
  () => {
    let registry: TestRegistry;
    let folder: string;
    let count = 0;

    beforeAll(async () => {
      registry = await startRegistry({ auth: 'password' });
      folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-ci-'));
      mkdirSync(path.join(folder, 'bin'));
      const command = path.join(folder, 'bin', 'hyperfile');
      writeFileSync(command, `#!/bin/sh\nexec "${process.execPath}" "${builtCommand()}" "$@"\n`);
      chmodSync(command, 0o755);
      writeFileSync(path.join(folder, 'file'), 'a file\n');
      writeFileSync(path.join(folder, 'Hyperfile'), 'FROM scratch\nCOPY file /file\nWORKDIR /srv\n');
    });
    beforeEach(() => {
      count++;
    });
    afterAll(async () => {
      await registry.stop();
      rmSync(folder, { recursive: true, force: true });
    });

    /** Runs lines on a fresh runner: a new store and no login. */
    async function run(lines: readonly string[], env: Readonly<Record<string, string>>): Promise<string> {
      const runner = mkdtempSync(path.join(folder, 'runner-'));
      const { all } = await execa('bash', ['-euo', 'pipefail', '-c', lines.join('\n')], {
        cwd: folder,
        all: true,
        env: {
          ...env,
          PATH: `${path.join(folder, 'bin')}:${process.env.PATH}`,
          HYPERFILE_STORE: path.join(runner, 'store'),
          DOCKER_CONFIG: runner,
        },
      });
      return all;
    }

    function isThere(name: string): boolean {
      const credentials = `${USERNAME}:${PASSWORD}`;
      const place = `docker://${registry.host}/${name}`;
      const options = [
        '--insecure-policy',
        'inspect',
        '--raw',
        '--tls-verify=false',
        '--creds',
        credentials,
        place,
      ];
      return execFileSync('skopeo', options, { encoding: 'utf8' }).includes('hyperfile');
    }

    test('for GitHub Actions build and push, and the second run finds every step', async () => {
      const jobs = examples('github') as ({ jobs: { image: { steps: Step[] } } } | Step[])[];
      expect(jobs.length).toBe(2);
      for (const [index, job] of jobs.entries()) {
        const repository = `github${count}/${index}`;
        const fill = (text: string): string =>
          text
            .replaceAll('${{ vars.REGISTRY }}', registry.host)
            .replaceAll('${{ github.repository }}', repository);
        const steps = Array.isArray(job) ? job : job.jobs.image.steps;
        const lines = steps.flatMap(({ run }) => (run === undefined ? [] : [fill(run)]));
        const env = Object.assign({ GITHUB_SHA: 'abc123' }, ...steps.map((step) => step.env ?? {})) as Record<
          string,
          string
        >;
        const filled = Object.fromEntries(Object.entries(env).map(([name, value]) => [name, fill(value)]));
        const cache = await actionEnvironment({ cache: `${registry.host}/${repository}/cache` });
        await run([LOGIN, ...lines], { ...filled, ...cache, HOST: registry.host });
        expect(isThere(`${repository}:latest`)).toBe(true);
        const again = await run([LOGIN, ...lines], { ...filled, ...cache, HOST: registry.host });
        expect(again).toContain('CACHED (registry)');
        expect(again).not.toMatch(/^#\d+ DONE /m);
      }
    });

    test('for GitLab CI build and push, or keep a folder', async () => {
      const jobs = examples('gitlab') as {
        image: { variables?: Record<string, string>; before_script?: string[]; script: string[] };
      }[];
      expect(jobs.length).toBe(2);
      const predefined = {
        CI_REGISTRY: registry.host,
        CI_REGISTRY_IMAGE: `${registry.host}/gitlab${count}/web`,
        CI_REGISTRY_USER: USERNAME,
        CI_REGISTRY_PASSWORD: PASSWORD,
        CI_COMMIT_SHORT_SHA: 'abc123',
      };
      for (const { image } of jobs) {
        const expand = (text: string): string =>
          text.replace(/\$(CI_\w+)/g, (_, name: keyof typeof predefined) => predefined[name]);
        const variables = Object.entries(image.variables ?? {}).map(([name, value]) => [name, expand(value)]);
        const lines = [...(image.before_script ?? []), ...image.script];
        const env = { ...predefined, ...(Object.fromEntries(variables) as Record<string, string>) };
        await run(lines, env);
        expect(await run(lines, env)).not.toMatch(/^#\d+ DONE /m);
      }
      expect(isThere(`gitlab${count}/web:abc123`)).toBe(true);
    });

    test('for Azure Pipelines build and push', async () => {
      const [pipeline] = examples('azure') as [{ steps: Step[] }];
      const expand = (text: string): string =>
        text.replaceAll('$(REGISTRY)', registry.host).replaceAll('$(REGISTRY_PASSWORD)', PASSWORD);
      const env: Record<string, string> = {
        REGISTRY: registry.host,
        REGISTRY_USER: USERNAME,
        IMAGE: `${registry.host}/web`,
        BUILD_BUILDID: '42',
      };
      for (const step of pipeline.steps)
        for (const [name, value] of Object.entries(step.env ?? {})) env[name] = expand(value);
      const lines = pipeline.steps.map(({ script }) => expand(script!));
      await run(lines, env);
      expect(isThere('web:42')).toBe(true);
      expect(await run(lines, env)).not.toMatch(/^#\d+ DONE /m);
    });

    const LOGIN = `printf %s '${PASSWORD}' | hyperfile login "$HOST" --username ${USERNAME} --password-stdin`;

    /** What the action's own steps set for the steps after it. */
    async function actionEnvironment(
      inputs: Readonly<Record<string, string>>,
    ): Promise<Record<string, string>> {
      const action = parse(readFileSync(path.join(ROOT, 'action.yml'), 'utf8')) as {
        inputs: Record<string, { default: string }>;
        runs: { using: string; steps: Step[] };
      };
      expect(action.runs.using).toBe('composite');
      const value = (name: string): string => inputs[name] ?? action.inputs[name].default;
      const step = action.runs.steps.find(({ name }) => name === 'Set the cache up')!;
      const env = Object.fromEntries(
        Object.entries(step.env!).map(([name, text]) => [
          name,
          text.replace(/\$\{\{ inputs\.(\w+) \}\}/g, (_, input: string) => value(input)),
        ]),
      );
      const file = path.join(folder, `env-${count}`);
      writeFileSync(file, '');
      await execa('bash', ['-euo', 'pipefail', '-c', step.run!], { env: { ...env, GITHUB_ENV: file } });
      const lines = readFileSync(file, 'utf8').trim().split('\n');
      return Object.fromEntries(
        lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
      );
    }
  },
);
