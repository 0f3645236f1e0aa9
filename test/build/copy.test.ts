import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { BUILD_NEEDS, Yard } from './building.ts';
import { lastingLeftovers } from '../support/traces.ts';

const PAGE = 'a downloaded page\n';
const PAGE_DIGEST = `sha256:${createHash('sha256').update(PAGE).digest('hex')}`;

describeWith(BUILD_NEEDS, 'COPY and ADD in a build', () => {
  const yard = new Yard();
  const requests: string[] = [];
  let server: Server;
  let url: string;

  beforeAll(async () => {
    yard.write({
      'tree/a': 'a',
      'tree/run.sh': 'true',
      passwd: 'root:x:0:0::/:/x\napp:x:7:8::/:/x\n',
      group: 'www:x:9:\n',
    });
    chmodSync(path.join(yard.context, 'tree/run.sh'), 0o751);
    linkSync(path.join(yard.context, 'tree/a'), path.join(yard.context, 'tree/b'));
    symlinkSync('a', path.join(yard.context, 'tree/link'));
    execFileSync('tar', [
      '-czf',
      path.join(yard.context, 'tree.tgz'),
      '-C',
      path.join(yard.context, 'tree'),
      '.',
    ]);
    server = createServer((request, response) => {
      requests.push(`${request.method} ${request.url} ${request.headers['if-none-match'] ?? '-'}`);
      const fresh = request.headers['if-none-match'] === '"v1"';
      response.writeHead(request.url === '/missing' ? 404 : fresh ? 304 : 200, { etag: '"v1"' });
      response.end(fresh ? '' : PAGE);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });

  afterAll(async () => {
    server.close();
    expect(await lastingLeftovers(yard.folder)).toEqual([]);
    expect(yard.strayLayers()).toEqual([]);
    yard.remove();
  });

  test('modes, links and owners arrive as they should', async () => {
    const { image } = await yard.build(`FROM scratch
COPY passwd group /etc/
COPY tree/ /plain/
COPY --chown=app:www --chmod=600 tree/a /owned
`);
    await yard.inside(image.id, (root) => {
      const at = (name: string) => path.join(root, name);
      expect(statSync(at('plain/run.sh')).mode & 0o7777).toBe(0o751);
      expect(statSync(at('plain/a')).ino).toBe(statSync(at('plain/b')).ino);
      expect(readlinkSync(at('plain/link'))).toBe('a');
      expect(lstatSync(at('plain/a'))).toMatchObject({ uid: 0, gid: 0 });
      expect(lstatSync(at('owned'))).toMatchObject({ uid: 7, gid: 9 });
      expect(statSync(at('owned')).mode & 0o7777).toBe(0o600);
    });
  });

  test('ADD unpacks an archive that COPY leaves as it is', async () => {
    const { image } = await yard.build('FROM scratch\nADD tree.tgz /added/\nCOPY tree.tgz /copied/\n');
    await yard.inside(image.id, (root) => {
      expect(readFileSync(path.join(root, 'added/a'), 'utf8')).toBe('a');
      expect(existsSync(path.join(root, 'added/tree.tgz'))).toBe(false);
      expect(existsSync(path.join(root, 'copied/tree.tgz'))).toBe(true);
    });
  });

  test('a heredoc becomes a file with its variables filled in', async () => {
    const { image } = await yard.build(
      'FROM scratch\nARG who=World\nCOPY <<greeting /etc/\nHello $who\ngreeting\n',
    );
    await yard.inside(image.id, (root) => {
      expect(readFileSync(path.join(root, 'etc/greeting'), 'utf8')).toBe('Hello World\n');
    });
  });

  test('a download is asked for again only to learn that it has not changed', async () => {
    const recipe = `FROM scratch\nADD ${url}/page.html /srv/\n`;
    const { image } = await yard.build(recipe);
    await yard.inside(image.id, (root) => {
      const file = path.join(root, 'srv/page.html');
      expect(readFileSync(file, 'utf8')).toBe(PAGE);
      expect(statSync(file).mode & 0o7777).toBe(0o600);
    });
    requests.length = 0;
    const again = await yard.build(recipe);
    expect(again.steps).toContain(`ADD ${url}/page.html /srv/ cached`);
    expect(requests).toEqual(['GET /page.html "v1"']);
  });

  test('a download with a checksum is cached without asking, and refused when it is something else', async () => {
    const recipe = (digest: string) => `FROM scratch\nADD --checksum=${digest} ${url}/sum /srv/\n`;
    await yard.build(recipe(PAGE_DIGEST));
    requests.length = 0;
    expect((await yard.build(recipe(PAGE_DIGEST))).cachedSteps).toBe(2);
    expect(requests).toEqual([]);
    const wrong = `sha256:${'0'.repeat(64)}`;
    await expect(yard.build(recipe(wrong))).rejects.toMatchObject({
      code: 'BUILD_CHECKSUM',
      data: { expected: wrong, actual: PAGE_DIGEST },
      at: { line: 2 },
    });
  });

  test('a download that fails says what the server answered', async () => {
    await expect(yard.build(`FROM scratch\nADD ${url}/missing /srv/\n`)).rejects.toMatchObject({
      code: 'BUILD_DOWNLOAD_FAILED',
      message: expect.stringContaining('404') as string,
    });
  });

  test('only what a stage asks for comes along from another', async () => {
    const { image } = await yard.build(`FROM scratch AS maker
COPY --chown=5:6 tree/ /out/
FROM scratch
COPY --from=maker /out/run.sh /bin/
`);
    await yard.inside(image.id, (root) => {
      expect(existsSync(path.join(root, 'out'))).toBe(false);
      expect(lstatSync(path.join(root, 'bin/run.sh'))).toMatchObject({ uid: 5, gid: 6 });
    });
  });

  test('an ignored file is not in the context', async () => {
    yard.write({ '.hyperignore': 'secret*\n', '.dockerignore': 'tree\n', 'secret.txt': 'x' });
    await expect(yard.build('FROM scratch\nCOPY secret.txt /\n')).rejects.toMatchObject({
      code: 'FS_SOURCE_IGNORED',
    });
    await yard.build('FROM scratch\nCOPY tree/ /tree/\n');
  });
});
