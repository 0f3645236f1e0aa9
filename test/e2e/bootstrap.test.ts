/** Bootstrapping a base that does not come to its end: the programs it takes, and what they mount, are gone. */
import { mkdirSync, readdirSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import type { RunningCommand } from './support/command.ts';
import { expectRefusal, Site, SITE_NEEDS } from './support/site.ts';

describeWith([...SITE_NEEDS, 'mmdebstrap'], 'a base that is being bootstrapped', () => {
  const site = new Site();
  const temporary = path.join(site.folder, 'tmp');
  let server: Server;
  let asked: () => void = () => undefined;
  let recipe = '';

  beforeAll(async () => {
    await site.prepare();
    mkdirSync(temporary);
    // A mirror that never answers; `/none/` has nothing.
    server = createServer((request, response) => {
      if (request.url?.startsWith('/none/')) response.writeHead(404).end();
      else asked();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    recipe = `FROM debootstrap://bookworm?mirror=http://127.0.0.1:${(server.address() as AddressInfo).port}/debian\n`;
  });

  afterEach(async () => {
    await site.expectNothingLeft();
    expect(readdirSync(temporary)).toEqual([]);
  });

  afterAll(async () => {
    server.closeAllConnections();
    server.close();
    await site.expectCached();
    await site.expectWholeStore();
    site.remove();
  });

  /** Waits until the mirror is asked for the first time. */
  async function startBootstrap(): Promise<RunningCommand> {
    const waiting = new Promise<void>((resolve) => (asked = resolve));
    const build = site.startBuild(recipe, [], { env: { TMPDIR: temporary } });
    await Promise.race([waiting, build.ended]);
    return build;
  }

  test('and interrupted leaves nothing', async () => {
    const build = await startBootstrap();
    build.signalGroup('SIGINT');
    expectRefusal(await build.ended, 130, ['interrupted']);
  });

  test('and killed outright leaves nothing after the next command', async () => {
    const build = await startBootstrap();
    build.signal('SIGKILL');
    await build.ended;
    expect((await site.run(['images'])).err).toBe('');
  });

  test('from a mirror that has nothing says what the mirror said', async () => {
    await site.refused(
      recipe.replace('/debian', '/none/'),
      1,
      ['cannot bootstrap bookworm', '404', /:1:1/],
      [],
      {
        env: { TMPDIR: temporary },
      },
    );
  });
});
