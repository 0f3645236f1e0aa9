import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { BUILD_NEEDS } from '../build/building.ts';
import { layerTar, writeLayout } from '../support/container-image.ts';
import { describeWith, has } from '../support/needs.ts';
import { REGISTRY_NEEDS, startRegistry, type TestRegistry } from '../support/registry.ts';
import { eventsOf, hyperfile, imagesOf, newHost, output, type Host } from './transfer-hosts.ts';

const NEEDS = [...REGISTRY_NEEDS, ...BUILD_NEEDS];

let registry: TestRegistry;
beforeAll(async () => {
  if (NEEDS.every(has)) registry = await startRegistry();
});
afterAll(() => registry?.stop());

function withRecipe(host: Host): Host {
  mkdirSync(path.join(host.folder, 'context'));
  writeFileSync(path.join(host.folder, 'context/Hyperfile'), 'FROM scratch\nCOPY a /a\n');
  writeFileSync(path.join(host.folder, 'context/a'), 'content');
  return host;
}

describeWith(NEEDS, 'build', () => {
  test('pushes, writes the digest down, and another host takes its steps from the cache', async () => {
    const name = `${registry.host}/built/web`;
    const cache = `type=registry,ref=${registry.host}/built/cache`;
    const [here, there] = [withRecipe(newHost(registry.env)), withRecipe(newHost(registry.env))];
    const flags = `--push --explain --metadata-file meta.json context`;
    const first = await hyperfile(here, `build -t ${name}:1 --cache-to ${cache},mode=max ${flags}`);
    expect(first.status, first.err).toBe(0);
    const written = readFileSync(path.join(here.folder, 'meta.json'), 'utf8');
    const digest = (JSON.parse(written) as Record<string, string>)['containerimage.digest'];
    expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
    expect(first.err).toContain(`pushed  ${name}:1@${digest}\n`);
    const second = await hyperfile(there, `build -t ${name}:2 --cache-from ${cache} ${flags}`);
    expect(second.status, second.err).toBe(0);
    expect(second.err.match(/^#\d CACHED \(registry\)$/gm)).toHaveLength(2);
    expect(second.err).toContain(`found in the registry cache ${registry.host}/built/cache`);
    expect(second.err).toContain(`pushed  ${name}:2@${digest}\n`);
    expect(await output(there, `cache ls ${cache}`)).toMatch(/^KEY .*\n[0-9a-f]{12} .* copy \/a\n/);
    expect(await output(there, `cache verify --content ${cache}`)).toMatch(/^Checked 2 steps and 2 blobs\n$/);
  });

  test('with --push asks for a name', async () => {
    const { status, err } = await hyperfile(withRecipe(newHost(registry.env)), 'build --push context');
    expect(status).toBe(2);
    expect(err).toContain('--tag HOST/NAME:TAG');
  });
});

describeWith(NEEDS, 'a container image', () => {
  test('becomes a base, loaded from a folder or pulled from a registry, and tells of it as one transfer', async () => {
    const host = newHost(registry.env);
    const tar = await layerTar([{ name: 'etc/' }, { name: 'etc/motd', content: 'hello' }]);
    writeLayout(path.join(host.folder, 'layout'), '1', { layers: [{ tar }] });
    await output(host, 'load -i oci:layout --name small');
    const name = `${registry.host}/containers/small:1`;
    await output(host, `copy oci:layout:1 ${name}`);
    const other = newHost(registry.env);
    const events = await eventsOf(other, `pull ${name}`);
    expect(events[0]).toMatchObject({ type: 'transfer-start', action: 'pull', name });
    expect(events.filter(({ type }) => type === 'transfer-end')).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ type: 'transfer-end', status: 'done' });
    expect([...(await imagesOf(other)).keys()]).toContain(name);
    expect([...(await imagesOf(host)).keys()]).toContain('small:1');
  });
});
