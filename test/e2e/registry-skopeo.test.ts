/** Images that another client carries from place to place, and what other programs make of what arrives. */
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { startRegistry, type TestRegistry } from '../support/registry.ts';
import { Machine, MACHINE_NEEDS } from './support/registry-machine.ts';

const NEEDS = [...MACHINE_NEEDS, 'skopeo', 'zstd', 'vhdiinfo', 'python:pyvhdi'];

/** Makes a layer that is longer than one blob may be, of very little: a little content in every MiB of its disk. */
const LONG = `RUN fallocate -l 600M /long; i=0; while [ $i -lt 600 ]; do \
dd if=/dev/urandom of=/long bs=4k count=1 seek=$((i * 256)) conv=notrunc 2>/dev/null; i=$((i + 1)); done
`;

const CONTENT_DIGEST = 'dev.hyperfile.content.digest';

interface RawManifest {
  readonly artifactType: string;
  readonly layers: readonly {
    readonly mediaType: string;
    readonly digest: string;
    readonly size: number;
    readonly annotations: Readonly<Record<string, string>>;
  }[];
}

describeWith(NEEDS, 'an image that skopeo carries', () => {
  const machines: Machine[] = [];
  let here: Machine;
  let registry: TestRegistry;
  let other: TestRegistry;
  /** Small, and with a layer that takes several blobs. */
  let name: string;
  let longName: string;

  beforeAll(async () => {
    [registry, other] = await Promise.all([startRegistry(), startRegistry()]);
    here = machine();
    await here.prepare();
    name = `${registry.host}/team/web:1`;
    longName = `${registry.host}/team/long:1`;
    await here.built('FROM shell\nCOPY page /page\nCMD ["/bin/sh"]\n', ['-t', name]);
    await here.done(['push', name]);
    await here.built(`FROM ${name}\n${LONG}`, ['-t', longName]);
    await here.done(['push', longName]);
  });

  afterAll(async () => {
    for (const each of machines) {
      await each.expectNothingLeft();
      each.remove();
    }
    await Promise.all([registry.stop(), other.stop()]);
  });

  function machine(): Machine {
    const made = new Machine(registry.env);
    machines.push(made);
    return made;
  }

  async function skopeo(...args: string[]): Promise<string> {
    const options = { env: { ...process.env, ...registry.env }, maxBuffer: 2 ** 26 };
    return (await promisify(execFile)('skopeo', ['--insecure-policy', ...args], options)).stdout;
  }

  const copy = (from: string, to: string) =>
    skopeo('copy', '--quiet', '--src-tls-verify=false', '--dest-tls-verify=false', from, to);

  test('is bit for bit what was pushed, after another registry, a folder and a third name', async () => {
    const folder = path.join(here.folder, 'layout');
    const [second, third] = [`${other.host}/far/web:2`, `${other.host}/back/web:3`];
    await copy(`docker://${longName}`, `docker://${second}`);
    await copy(`docker://${second}`, `oci:${folder}:web`);
    await copy(`oci:${folder}:web`, `docker://${third}`);
    const there = machine();
    const pulled = await there.done(['pull', '-q', third]);
    expect(there.layers()).toEqual(here.layers());
    expect(await there.imageId(third)).toBe(await here.imageId(longName));
    // Nothing on the way changed a byte of the manifest.
    expect(pulled.out.trim()).toBe((await here.done(['push', '-q', longName])).out.trim());
    await there.expectWholeStore();
    const [leaf = ''] = await there.chainOf(third);
    expect(execFileSync('vhdiinfo', [leaf], { encoding: 'utf8' })).toContain('Differential');
  });

  test('is pulled from the folder that skopeo wrote, too', async () => {
    const folder = path.join(here.folder, 'layout-2');
    await copy(`docker://${name}`, `oci:${folder}:web`);
    const there = machine();
    const target = `${registry.host}/from-folder:1`;
    await there.done(['copy', `oci:${folder}:web`, target]);
    await there.done(['pull', target]);
    await expectSame(there, target);
  });

  test('comes back from a folder that we wrote and skopeo pushed', async () => {
    const folder = path.join(here.folder, 'layout-3');
    await here.done(['copy', name, `oci:${folder}:web`]);
    const target = `${other.host}/ours:1`;
    await copy(`oci:${folder}:web`, `docker://${target}`);
    const there = machine();
    await there.done(['pull', target]);
    await expectSame(there, target);
  });

  test('has a manifest that skopeo reads, and blobs of which zstd makes the layers again', async () => {
    const manifest = JSON.parse(
      await skopeo('inspect', '--raw', '--tls-verify=false', `docker://${longName}`),
    ) as RawManifest;
    expect(manifest.artifactType).toBe('application/vnd.hyperfile.image.v1');
    const wholes = manifest.layers.filter(({ mediaType }) => mediaType.endsWith('.v1.vhdx+zstd'));
    const digests = wholes.map(({ digest }) => {
      const content = execFileSync('zstd', ['-dc', blobFile(digest)], { maxBuffer: 2 ** 28 });
      return createHash('sha256').update(content).digest('hex');
    });
    const layers = [...here.layers().values()];
    expect(wholes).toHaveLength(layers.length - 1);
    expect(layers).toEqual(expect.arrayContaining(digests));
    // The long one: a head, and two windows of its disk.
    const parts = manifest.layers.slice(wholes.length);
    expect(parts.map(({ mediaType }) => /vhdx\.(\w+)/.exec(mediaType)?.[1])).toEqual([
      'head',
      'window',
      'window',
    ]);
    for (const { digest, annotations } of parts) {
      const line = `zstd -dc ${blobFile(digest)} | sha256sum`;
      const sum = execFileSync('sh', ['-c', line], { encoding: 'utf8' });
      expect(`sha256:${sum.slice(0, 64)}`).toBe(annotations[CONTENT_DIGEST]);
    }
  });

  test('shows libvhdi the disk that it shows us', async () => {
    const there = machine();
    await there.done(['pull', name]);
    const raw = path.join(there.folder, 'disk.raw');
    await there.done(['export', '-o', raw, name]);
    const chain = await there.chainOf(name);

    const line = ['-c', READ_WITH_LIBVHDI, raw, ...chain];
    expect(execFileSync('/usr/bin/python3', line, { encoding: 'utf8' }).trim()).toBe('the same');
  });

  /** The small image is there as it was here. */
  async function expectSame(there: Machine, pulled: string): Promise<void> {
    const chain = await here.chainOf(name);
    const names = chain.map((file) => path.basename(file));
    expect((await there.chainOf(pulled)).map((file) => path.basename(file))).toEqual(names);
    const [ours, theirs] = [here.layers(), there.layers()];
    for (const layer of names) expect(theirs.get(layer)).toBe(ours.get(layer));
  }

  function blobFile(digest: string): string {
    const hex = digest.replace('sha256:', '');
    const file = path.join('docker/registry/v2/blobs/sha256', hex.slice(0, 2), hex, 'data');
    return path.join(registry.folder, 'data', file);
  }
});

/** Compares a raw disk with a chain, leaf first. */
const READ_WITH_LIBVHDI = `
import pyvhdi, sys
opened = []
for name in reversed(sys.argv[2:]):
    disk = pyvhdi.file()
    disk.open(name)
    if opened: disk.set_parent(opened[-1])
    opened.append(disk)
size = opened[-1].get_media_size()
with open(sys.argv[1], 'rb') as raw:
    for at in range(0, size, 4 << 20):
        want = raw.read(4 << 20)
        if opened[-1].read_buffer_at_offset(len(want), at) != want: sys.exit('differs at %d' % at)
    print('the same' if raw.read(1) == b'' else 'too long')
`;
