/** Archives and downloads that are hostile, damaged or not what they should be. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { Site, SITE_NEEDS } from './support/site.ts';

describeWith(SITE_NEEDS, 'ADD of an archive', () => {
  const site = new Site();

  beforeAll(async () => {
    await site.prepare();
    site.write({ 'up.tar': await archiveOf({ good: 'good\n', '../../escaped': 'bad\n' }) });
    site.write({ 'absolute.tar': await archiveOf({ '/placed/here': 'placed\n' }) });
    const random = execFileSync('head', ['-c', '300000', '/dev/urandom']);
    const whole = await archiveOf({ one: 'one\n', two: random });
    site.write({
      'short.tar': whole.subarray(0, 100_000),
      'short.tar.gz': gzipSync(whole).subarray(0, 100_000),
    });
    const damaged = gzipSync(whole);
    damaged.fill(0x55, 50_000, 51_000);
    site.write({ 'damaged.tar.gz': damaged });
  });

  afterEach(() => site.expectNothingLeft());
  afterAll(async () => {
    await site.expectCached();
    await site.expectWholeStore();
    site.remove();
  });

  const refused = (name: string, says: readonly string[]) =>
    site.refused(`FROM shell\nADD ${name} /unpacked/\n`, 4, [name, ...says, /:2:1\n {2}2 \| ADD/]);

  test('with an entry that goes up is refused, and nothing is written outside', async () => {
    await refused('up.tar', ['"../../escaped", which leads out', 'FS_ARCHIVE_OUTSIDE']);
    for (const folder of [site.folder, site.home, site.context, '/'])
      expect(existsSync(path.join(folder, 'escaped'))).toBe(false);
  });

  test('with absolute names unpacks them below its destination', async () => {
    await site.built('FROM shell\nADD absolute.tar /unpacked/\n', ['-t', 'absolute']);
    expect(await site.fileOf('absolute', '/unpacked/placed/here')).toBe('placed\n');
    expect(existsSync('/placed')).toBe(false);
  });

  test('that is cut short says so', () => refused('short.tar', ['is cut short', 'FS_ARCHIVE_CUT_SHORT']));

  test('that is compressed and cut short says so', () =>
    refused('short.tar.gz', ['is cut short', 'FS_ARCHIVE_CUT_SHORT']));

  test('that is damaged says so', () => refused('damaged.tar.gz', ['is damaged', 'FS_ARCHIVE_CORRUPT']));

  test('imported as an image, and cut short, leaves no image', async () => {
    const ended = await site.run([
      'import',
      '--disk-size',
      '1G',
      path.join(site.context, 'short.tar'),
      'half',
    ]);
    expect(ended.status, ended.err).toBe(4);
    expect(ended.err).toContain('FS_ARCHIVE_CUT_SHORT');
    expect((await site.run(['images'])).out).not.toContain('half');
  });
});

describeWith(SITE_NEEDS, 'ADD of a URL', () => {
  const site = new Site();
  let server: Server;
  let address = '';

  beforeAll(async () => {
    await site.prepare();
    server = createServer((request, response) => {
      if (request.url === '/file') response.end('downloaded\n');
      else if (request.url === '/short') {
        response.writeHead(200, { 'Content-Length': 1000 }).write('only this');
        setTimeout(() => response.destroy(), 50);
      } else response.writeHead(404).end();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterEach(() => site.expectNothingLeft());
  afterAll(async () => {
    server.close();
    await site.expectCached();
    await site.expectWholeStore();
    site.remove();
  });

  const digest = `sha256:${createHash('sha256').update('downloaded\n').digest('hex')}`;

  test('with the right checksum is there; with a wrong one says both and fails', async () => {
    await site.built(`FROM shell\nADD --checksum=${digest} ${address}/file /got\n`, ['-t', 'got']);
    expect(await site.fileOf('got', '/got')).toBe('downloaded\n');
    const wrong = `sha256:${'0'.repeat(64)}`;
    await site.refused(`FROM shell\nADD --checksum=${wrong} ${address}/file /got\n`, 1, [
      `${address}/file has the digest ${digest}, the recipe asks for ${wrong}`,
      'BUILD_CHECKSUM',
    ]);
  });

  test.each([
    ['/missing', 'the server answered 404'],
    ['/short', ''],
  ])('that fails (%s) says why', async (name, reason) => {
    const says = [`cannot download ${address}${name}`, reason, 'BUILD_DOWNLOAD_FAILED', /:2:1\n {2}2 \| ADD/];
    await site.refused(`FROM shell\nADD ${address}${name} /got\n`, 1, says);
  });

  test('of a server that is not there says why', async () => {
    const gone = createServer();
    await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(gone.address() as AddressInfo).port}/file`;
    await new Promise((resolve) => gone.close(resolve));
    await site.refused(`FROM shell\nADD ${url} /got\n`, 1, [`cannot download ${url}`, 'ECONNREFUSED']);
  });

  test('of a checksum that is none is an error of the recipe', async () => {
    await site.refused(`FROM shell\nADD --checksum=md5:12 ${address}/file /got\n`, 3, ['md5:12']);
  });
});

async function archiveOf(files: Readonly<Record<string, string | Buffer>>): Promise<Buffer> {
  const archive = pack();
  for (const [name, content] of Object.entries(files)) archive.entry({ name }, content);
  archive.finalize();
  const pieces: Buffer[] = [];
  for await (const piece of archive) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}
