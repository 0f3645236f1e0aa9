/** Images that lie, in a registry that helps them: each is refused in words of its own, and nothing of it is kept. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packPart } from '../../src/blob/pack-part.ts';
import { planParts } from '../../src/blob/parts.ts';
import { describeWith } from '../support/needs.ts';
import { digestOf, HostileRegistry, readLayout, type ImageParts } from './support/registry-hostile.ts';
import { Machine, MACHINE_NEEDS } from './support/registry-machine.ts';
import { expectRefusal } from './support/site.ts';

const MIB = 1024 * 1024;
const CONTENT_DIGEST = 'dev.hyperfile.content.digest';
const CONTENT_SIZE = 'dev.hyperfile.content.size';
const TABLES_SIZE = 'dev.hyperfile.tables.size';

describeWith(MACHINE_NEEDS, 'a hostile registry', () => {
  let registry: HostileRegistry;
  let here: Machine;
  let site: Machine;
  let count = 0;

  beforeAll(async () => {
    registry = await HostileRegistry.start();
    here = new Machine({ DOCKER_CONFIG: '/nonexistent' });
    site = new Machine({ DOCKER_CONFIG: '/nonexistent' });
    await site.done(['images']);
    for (const word of ['one', 'other']) {
      here.write({ page: `${word}\n` });
      await here.built('FROM scratch\nCOPY page /page\n', [
        '-t',
        word,
        '--disk-size',
        word === 'one' ? '1G' : '2G',
      ]);
      const tar = path.join(here.folder, `${word}.tar`);
      await here.done(['save', '-o', tar, word]);
      mkdirSync(path.join(here.folder, word));
      execFileSync('tar', ['-xf', tar, '-C', path.join(here.folder, word)]);
    }
  });

  afterAll(async () => {
    await site.expectNothingLeft();
    here.remove();
    site.remove();
    registry.stop();
  });

  const image = (word: 'one' | 'other' = 'one') => readLayout(path.join(here.folder, word));

  /** A pull of what was put there fails with a code, and the store is as empty as before. */
  async function expectRefused(name: string, code: string, says: readonly string[] = []): Promise<string> {
    const ended = await site.run(['pull', name]);
    expectRefusal(ended, code.startsWith('REGISTRY') ? 6 : 4, [code, ...says]);
    await site.expectNoImage();
    // A base below a layer that lies may be as good as any; what is bad is gone.
    await site.done(['prune', '--all']);
    const layers = path.join(site.home, 'layers');
    expect(existsSync(layers) ? readdirSync(layers) : []).toEqual([]);
    expect(existsSync(path.join(path.dirname(site.home), 'evil.vhdx'))).toBe(false);
    return ended.err;
  }

  function put(change: (parts: ImageParts) => void): string {
    const parts = image();
    change(parts);
    return registry.put(`team/web-${++count}`, parts);
  }

  /** Has another blob, and says so, in place of the leaf's. */
  function replaceLeaf({ manifest, blobs }: ImageParts, bytes: Buffer): void {
    const leaf = manifest.layers.at(-1)!;
    leaf.digest = digestOf(bytes);
    leaf.size = bytes.length;
    blobs.set(leaf.digest, bytes);
  }

  test('gives a true image to whoever asks', async () => {
    const there = new Machine({ DOCKER_CONFIG: '/nonexistent' });
    const name = registry.put('team/true', image());
    await there.done(['pull', name]);
    expect(await there.imageId(name)).toBe(await here.imageId('one'));
    await there.expectWholeStore();
    there.remove();
  });

  test('sends a bomb', async () => {
    const name = put((parts) => {
      const blob = parts.blobs.get(parts.manifest.layers.at(-1)!.digest)!;
      // The seek table: entries of 8 bytes, the number of frames, 5 more bytes.
      const frames = blob.readUInt32LE(blob.length - 9);
      const firstBytes = blob.readUInt32LE(blob.length - 9 - 8 * frames);
      const bomb = zstdCompressSync(Buffer.alloc(512 * MIB));
      replaceLeaf(parts, Buffer.concat([bomb, blob.subarray(firstBytes)]));
    });
    await expectRefused(name, 'BLOB_FRAME_SIZE', ['frame 0']);
  });

  test('lies about sizes', async () => {
    const longer = put(({ manifest }) => void (manifest.layers.at(-1)!.size += 10));
    await expectRefused(longer, 'OCI_SIZE_MISMATCH');
    const shorter = put(({ manifest }) => void (manifest.layers.at(-1)!.size -= 10));
    await expectRefused(shorter, 'OCI_SIZE_MISMATCH');
    const content = put(({ manifest, config }) => {
      manifest.layers.at(-1)!.annotations![CONTENT_SIZE] = String(60 * MIB);
      config.layers.at(-1)!.size = 60 * MIB;
    });
    await expectRefused(content, 'BLOB_');
    const apart = put(({ config }) => void (config.layers.at(-1)!.size += MIB));
    await expectRefused(apart, 'OCI_IMAGE_INVALID', ['sizes of a layer and of its blob differ']);
  });

  test('has layers whose names lead out of the store', async () => {
    for (const id of ['../../evil', '../evil', '/etc/passwd', `${'a'.repeat(31)}/`, '']) {
      const name = put(({ config }) => void (config.layers.at(-1)!.id = id));
      await expectRefused(name, 'OCI_IMAGE_INVALID');
    }
    const outside = await site.run(['pull', `${registry.host}/team/../web:1`]);
    expectRefusal(outside, 2, ['..']);
  });

  test('has a layer that is no disk', async () => {
    const file = path.join(here.folder, 'noise');
    writeFileSync(file, randomBytes(MIB));
    const [part] = planParts(file);
    const blob = await packPart(file, part, `${file}.blob`);
    const name = put((parts) => {
      replaceLeaf(parts, readFileSync(`${file}.blob`));
      Object.assign(parts.manifest.layers.at(-1)!.annotations!, {
        [CONTENT_DIGEST]: blob.contentDigest,
        [CONTENT_SIZE]: String(MIB),
        [TABLES_SIZE]: String(blob.tablesBytes),
        'dev.hyperfile.tables.digest': blob.tablesDigest,
      });
      Object.assign(parts.config.layers.at(-1)!, { digest: blob.contentDigest, size: MIB });
    });
    await expectRefused(name, 'BLOB_NOT_VHDX');
  });

  test('puts a layer on another than it was made on', async () => {
    const other = image('other');
    const name = put(({ manifest, config, blobs }) => {
      const base = config.layers[0];
      Object.assign(base, { ...other.config.layers[0], id: base.id });
      manifest.layers[0] = other.manifest.layers[0]!;
      for (const [digest, bytes] of other.blobs) blobs.set(digest, bytes);
    });
    await expectRefused(name, 'BLOB_PARENT_MISMATCH');
    const turned = put(({ config }) => void (config.layers[1].parent = 'ab'.repeat(16)));
    await expectRefused(turned, 'OCI_IMAGE_INVALID');
  });

  test('has a manifest that never ends, or that is another than was asked for', async () => {
    const large = registry.putManifest('team/large', Buffer.alloc(5 * MIB, ' '));
    await expectRefused(large, 'OCI_MANIFEST_TOO_LARGE');
    const digest = `sha256:${'12'.repeat(32)}`;
    registry.putAs(`/v2/team/pinned/manifests/${digest}`, Buffer.from(JSON.stringify(image().manifest)));
    await expectRefused(`${registry.host}/team/pinned@${digest}`, 'OCI_DIGEST_MISMATCH');
  });

  test('says things that would steer the terminal', async () => {
    const message = '\u001b]0;owned\u0007\u001b[2J\rhyperfile: all is well\n'.repeat(3);
    registry.onRequest = (_, response) => {
      const body = JSON.stringify({ errors: [{ code: 'DENIED', message }] });
      response.writeHead(403, { 'content-type': 'application/json' }).end(body);
      return true;
    };
    const ended = await site.run(['pull', `${registry.host}/team/web:1`]);
    registry.onRequest = () => false;
    expectRefusal(ended, 6, ['REGISTRY_DENIED']);
    // eslint-disable-next-line no-control-regex
    expect(ended.err).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f]/);
    expect(ended.err).not.toMatch(/^hyperfile: all is well/m);
  });

  test('makes a build fail at the line that names it', async () => {
    const name = put((parts) => replaceLeaf(parts, Buffer.from('not a blob')));
    const ended = await site.build(`FROM ${name}\nCOPY page /page\n`);
    expect(ended.status, ended.err).toBe(4);
    expect(ended.err).toMatch(/\d \| (FROM|COPY)/);
    await site.expectNoImage();
  });

  test('sends away to a host that wants to know the password', async () => {
    const thief = await HostileRegistry.start();
    const there = new Machine({});
    try {
      const secret = 'Basic YWRhOm9wZW4tc2VzYW1l';
      const auths = { [registry.host]: { auth: secret.slice('Basic '.length) } };
      writeFileSync(path.join(there.folder, 'config.json'), JSON.stringify({ auths }));
      registry.onRequest = ({ headers, url = '' }, response) => {
        if (headers.authorization !== secret) {
          response.writeHead(401, { 'www-authenticate': 'Basic realm="true"' }).end();
          return true;
        }
        if (!url.includes('/blobs/')) return false;
        response.writeHead(307, { location: `http://${thief.host}${url}` }).end();
        return true;
      };
      thief.onRequest = (_, response) => {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="thief"' }).end();
        return true;
      };
      const name = registry.put('team/away', image());
      const env = { DOCKER_CONFIG: there.folder };
      expectRefusal(await there.run(['pull', name], { env }), 6, ['REGISTRY_']);
      expect(thief.asked.length).toBeGreaterThan(0);
      // Nor is the password in what a storage host may see, when it serves what it was asked for.
      thief.put('team/away', image());
      thief.onRequest = () => false;
      await there.done(['pull', name], { env });
      for (const { headers } of thief.asked) expect(headers.authorization).toBeUndefined();
    } finally {
      registry.onRequest = () => false;
      thief.stop();
      there.remove();
    }
  });

  test('sends away to where nothing is encrypted', async () => {
    registry.onRequest = ({ url = '' }, response) => {
      if (!url.includes('/blobs/')) return false;
      response.writeHead(307, { location: `http://storage.invalid${url}` }).end();
      return true;
    };
    const name = registry.put('team/plain', image());
    await expectRefused(name, 'REGISTRY_REDIRECT_REFUSED', ['storage.invalid']);
    registry.onRequest = () => false;
  });
});
