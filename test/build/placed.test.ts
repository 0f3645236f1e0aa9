import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { importImage } from '../../src/build/import.ts';
import { listTree, umociUnpack } from '../support/container-image.ts';
import { describeWith } from '../support/needs.ts';
import { REGISTRY_NEEDS, startRegistry, type TestRegistry } from '../support/registry.ts';
import { BUILD_NEEDS, outputOf, Yard } from './building.ts';
import { lastingLeftovers } from '../support/traces.ts';

const NEEDS = [...BUILD_NEEDS, ...REGISTRY_NEEDS, 'umoci', 'skopeo', 'getfattr', 'setfattr'];

describeWith(NEEDS, 'a container image in a named place', () => {
  const yard = new Yard();
  const at = (name: string): string => path.join(yard.context, name);
  let registry: TestRegistry;
  let expected: string[];

  const run = (program: string, ...args: string[]): string =>
    execFileSync(program, args, { cwd: yard.context, encoding: 'utf8', stdio: 'pipe' });
  const copy = (from: string, to: string, ...flags: string[]): string =>
    run('skopeo', 'copy', '-q', '--insecure-policy', ...flags, from, to);
  const importFrom = async (file: string, name: string) =>
    importImage(
      { file: at(file), name, diskSizeBytes: 2 ** 30 },
      { store: await yard.store(), signal: new AbortController().signal, onEvent: () => undefined },
    );

  /** Three layers that umoci makes of a tree which is changed in between. */
  beforeAll(async () => {
    registry = await startRegistry();
    yard.writeBusybox();
    run('umoci', 'init', '--layout', 'layout');
    run('umoci', 'new', '--image', 'layout:it');
    run('umoci', 'unpack', '--image', 'layout:it', 'bundle');
    for (const script of [
      `mkdir -p bin etc var/cache/deep; mv ../../busybox bin/; ln bin/busybox bin/sh; ln -s busybox bin/cat
       echo one > etc/one; echo two > etc/two; echo x > var/cache/deep/x; mkfifo var/pipe; chown -h 12:34 bin/cat
       chmod 4711 etc/one; chown 1000:70000 etc/two; setfattr -n user.note -v text etc/two`,
      `rm etc/one; rm -r var/cache; mkdir var/cache; echo new > var/cache/new; ln bin/busybox bin/more
       setfattr -x user.note etc/two; chmod 600 etc/two`,
      `rm -r var/cache; echo a file > var/cache; ln -s etc away; rm var/pipe; mkdir -m 1777 var/pipe`,
    ]) {
      execFileSync('sh', ['-e', '-c', script], { cwd: at('bundle/rootfs') });
      run('umoci', 'repack', '--refresh-bundle', '--image', 'layout:it', 'bundle');
    }
    run(
      'umoci',
      'config',
      '--image',
      'layout:it',
      '--config.env',
      'GREETING=hello',
      '--config.workingdir',
      '/etc',
    );
    run('umoci', 'config', '--image', 'layout:it', '--config.cmd', '/bin/sh', '--config.env', 'PATH=/bin');
    run('umoci', 'gc', '--layout', 'layout');
    expected = listTree(umociUnpack(at('layout'), 'it', at('judge')));
    copy('oci:layout:it', 'oci-archive:it.oci.tar:it');
    copy('oci:layout:it', 'docker-archive:it.tar:team/it:1.0');
    copy('oci:layout:it', `docker://${registry.host}/team/it:1.0`, '--dest-tls-verify=false');
    execFileSync('sh', ['-c', 'gzip -k it.tar'], { cwd: yard.context });
    mkdirSync(at('root'));
    writeFileSync(at('root/index.json'), 'a file of a root file system');
    run('tar', '-cf', 'root.tar', '-C', 'root', 'index.json');
  });

  afterAll(async () => {
    await registry.stop();
    expect(await lastingLeftovers(yard.folder)).toEqual([]);
    expect(yard.strayLayers()).toEqual([]);
    yard.remove();
  });

  test.each([
    'oci:layout:it',
    'oci:./layout',
    'oci-archive:it.oci.tar:it',
    'docker-archive:it.tar:team/it:1.0',
    'docker-archive:it.tar.gz',
    './it.tar',
    './it.oci.tar',
  ])('FROM %s has the tree and the config that umoci sees', async (from) => {
    const { image } = await yard.build(`FROM ${from}\n`);
    expect(await yard.inside(image.id, listTree)).toEqual(expected);
    const { config } = await (await yard.store()).image(image.id);
    expect(config).toMatchObject({
      kind: 'container',
      config: { env: { GREETING: 'hello', PATH: '/bin' }, workdir: '/etc', cmd: ['/bin/sh'] },
    });
    expect(config.layers).toHaveLength(2);
  });

  test('FROM an image of a registry likewise, once: then it is in the cache', async () => {
    const recipe = `FROM docker://${registry.host}/team/it:1.0\nRUN echo $GREETING from $(pwd)\n`;
    const first = await yard.build(recipe, { tags: ['built'] });
    expect(outputOf(first.events)).toBe('hello from /etc\n');
    const second = await yard.build(recipe);
    expect(second.cachedSteps).toBe(2);
    expect(second.image.id).toBe(first.image.id);
    const { config } = await (await yard.store()).image('built');
    expect(config.kind).toBe('container');
    const base = await yard.build(`FROM docker://${registry.host}/team/it:1.0\n`);
    expect(await yard.inside(base.image.id, listTree)).toEqual(expected);
  });

  test.each(['it.tar', 'it.tar.gz', 'it.oci.tar', 'layout'])(
    'import knows %s by its content',
    async (file) => {
      const { id } = await importFrom(file, `from-${file.replaceAll('.', '-')}`);
      expect(await yard.inside(id, listTree)).toEqual(expected);
      const { config } = await (await yard.store()).image(id);
      expect(config.kind).toBe('container');
    },
  );

  test('import takes the image of its name when an archive has several', async () => {
    run('umoci', 'config', '--image', 'layout:it', '--tag', 'other', '--config.env', 'WHO=other');
    copy('oci:layout:it', 'docker-archive:two.tar:team/it:1.0');
    run('skopeo', 'copy', '-q', '--insecure-policy', '--all', 'oci:layout:other', 'oci:both:other');
    copy('oci:layout:it', 'oci:both:it');
    const { id } = await importFrom('both', 'other');
    expect((await (await yard.store()).image(id)).config.config.env.WHO).toBe('other');
    await expect(importFrom('both', 'neither')).rejects.toMatchObject({ code: 'TRANSFER_IMAGE_NOT_FOUND' });
  });

  test('a tar that only looks like an image is the tar of a root file system', async () => {
    const { image } = await yard.build('FROM ./root.tar\n');
    await yard.inside(image.id, (root) => {
      expect(readFileSync(path.join(root, 'index.json'), 'utf8')).toBe('a file of a root file system');
    });
    expect((await importFrom('root.tar', 'root')).id).toMatch(/^sha256:/);
  });

  test.each([
    ['./missing.tar', 'BUILD_BASE_MISSING'],
    ['oci:missing:it', 'BUILD_BASE_MISSING'],
    ['oci:layout:ghost', 'TRANSFER_IMAGE_NOT_FOUND'],
    ['docker-archive:it.tar:team/ghost:1', 'TRANSFER_IMAGE_NOT_FOUND'],
    ['oci-archive:root.tar', 'OCI_ARCHIVE_INVALID'],
    ['docker-archive:it.oci.tar', 'OCI_ARCHIVE_INVALID'],
    ['./text.tar', 'FS_ARCHIVE_UNKNOWN'],
  ])('FROM %s is refused with its place', async (from, code) => {
    yard.write({ 'text.tar': 'no archive' });
    await expect(yard.build(`FROM ${from}\n`)).rejects.toMatchObject({ code, at: { line: 1 } });
  });
});
