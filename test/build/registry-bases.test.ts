import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { REGISTRY_NEEDS, startRegistry, type TestRegistry } from '../support/registry.ts';
import { BUILD_NEEDS, SHELL, Yard } from './building.ts';

describeWith(
  [...BUILD_NEEDS, ...REGISTRY_NEEDS, 'umoci', 'skopeo'],
  'FROM a name that a registry knows',
  () => {
    let registry: TestRegistry;
    let yard: Yard;
    let yards: Yard[] = [];

    beforeAll(async () => {
      registry = await startRegistry();
      pushContainer(registry);
    });
    afterAll(() => registry.stop());
    beforeEach(() => {
      vi.stubEnv('HYPERFILE_DEFAULT_REGISTRY', registry.host);
      yard = machine();
    });
    afterEach(() => {
      vi.unstubAllEnvs();
      for (const each of yards) each.remove();
      yards = [];
    });

    function machine(): Yard {
      const made = new Yard();
      yards.push(made);
      made.writeBusybox();
      return made;
    }

    test('builds an ordinary Dockerfile on a container image of the default registry', async () => {
      const built = await yard.build('FROM tiny:1\nRUN echo $GREETING >/greeting\n', { tags: ['web'] });
      expect(built.steps).toEqual(['FROM tiny:1 done', 'RUN echo $GREETING >/greeting done']);
      await yard.inside('web', (root) => {
        expect(readFileSync(path.join(root, 'greeting'), 'utf8')).toBe('hello\n');
      });
      const { config } = await (await yard.store()).image('web');
      expect(config.kind).toBe('container');
      expect(config.config.cmd).toEqual(['/bin/sh']);
    });

    test('finds the base in a cache elsewhere: no disk is made, and the image is the same', async () => {
      const ref = `type=registry,ref=${registry.host}/cache`;
      const recipe = 'FROM tiny:1\nRUN echo above >/above\n';
      const built = await yard.build(recipe, { cacheTo: [ref] });
      const other = machine();
      const name = `${registry.host}/found:1`;
      const found = await other.build(recipe, { tags: [name], cacheFrom: [ref], push: true });
      expect(found.image).toMatchObject({ id: built.image.id, isElsewhere: true });
      expect(readdirSync(path.join(other.home, 'layers'))).toEqual([]);
      const loaded = await other.build(recipe, { cacheFrom: [ref] });
      expect(loaded.image.id).toBe(built.image.id);
    });

    test('finds the base in the store the next time, also when the registry is gone', async () => {
      await yard.build('FROM tiny:1\n');
      vi.stubEnv('HYPERFILE_DEFAULT_REGISTRY', '127.0.0.1:1');
      const again = await yard.build('FROM tiny:1\nRUN true\n');
      expect(again.steps[0]).toBe('FROM tiny:1 cached');
      expect((await (await yard.store()).listImages()).flatMap(({ names }) => names)).toContain('tiny:1');
    });

    test('asks the registry again under --pull, and keeps to the store when that does not answer', async () => {
      await yard.build('FROM tiny:1\n');
      const pulled = await yard.build('FROM tiny:1\n', { pull: true });
      expect(pulled.steps).toEqual(['FROM tiny:1 cached']);
      vi.stubEnv('HYPERFILE_DEFAULT_REGISTRY', '127.0.0.1:1');
      const { events, steps } = await yard.build('FROM tiny:1\n', { pull: true });
      expect(steps).toEqual(['FROM tiny:1 cached']);
      expect(events.filter(({ type }) => type === 'warning')).toHaveLength(1);
    });

    test('takes an image of ours by its digest, fetching its layers when a step needs them', async () => {
      const name = `${registry.host}/team/web:2`;
      const { pushed } = await yard.build(`${SHELL}RUN echo base >/base\n`, { tags: [name], push: true });
      const other = machine();
      const pinned = `${registry.host}/team/web@${pushed![0].digest}`;
      await other.build(`FROM ${pinned}\nRUN cat /base >/copy\n`, { tags: ['copy'] });
      await other.inside('copy', (root) => {
        expect(readFileSync(path.join(root, 'copy'), 'utf8')).toBe('base\n');
      });
    });

    test('copies from an image that only the registry has', async () => {
      await yard.build('FROM scratch\nCOPY --from=tiny:1 /bin/busybox /busybox\n', { tags: ['copied'] });
      await yard.inside('copied', (root) => {
        const original = readFileSync(path.join(yard.context, 'busybox'));
        expect(readFileSync(path.join(root, 'busybox')).equals(original)).toBe(true);
      });
    });

    test('fails with both answers when neither the store nor the registry has the image', async () => {
      await expect(yard.build('FROM nowhere:9\n')).rejects.toMatchObject({
        code: 'BUILD_NO_IMAGE',
        exitStatus: 3,
        hint: expect.stringContaining(registry.host) as string,
        at: { line: 1 },
      });
    });

    test('names the registry when that was asked for by name and cannot be reached', async () => {
      await expect(yard.build('FROM 127.0.0.1:1/web\n')).rejects.toMatchObject({
        code: 'REGISTRY_UNREACHABLE',
        exitStatus: 6,
      });
    });
  },
);

/** `library/tiny:1`: a shell, and what an image says of itself. */
function pushContainer({ host, folder }: TestRegistry): void {
  const layout = path.join(folder, 'tiny');
  const rootfs = path.join(folder, 'rootfs');
  const run = (program: string, ...args: string[]) => execFileSync(program, args, { stdio: 'pipe' });
  run('umoci', 'init', '--layout', layout);
  run('umoci', 'new', '--image', `${layout}:1`);
  mkdirSync(path.join(rootfs, 'bin'), { recursive: true });
  const busybox = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
  writeFileSync(path.join(rootfs, 'bin/busybox'), readFileSync(busybox), { mode: 0o755 });
  run('ln', '-s', 'busybox', path.join(rootfs, 'bin/sh'));
  run('umoci', 'insert', '--image', `${layout}:1`, path.join(rootfs, 'bin'), '/bin');
  const config = ['--config.env', 'GREETING=hello', '--config.cmd', '/bin/sh', '--config.env', 'PATH=/bin'];
  run('umoci', 'config', '--image', `${layout}:1`, ...config);
  const target = `docker://${host}/library/tiny:1`;
  run('skopeo', '--insecure-policy', 'copy', '--dest-tls-verify=false', `oci:${layout}:1`, target);
}
