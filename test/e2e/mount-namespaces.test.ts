/** Other programs of the host that copy its mounts, as containers and services do: no layer is harmed by it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { withOwnMounts } from '../support/own-mounts.ts';
import { Site, SITE_NEEDS } from './support/site.ts';

describeWith([...SITE_NEEDS, 'unshare'], 'a build whose mounts another program copies', () => {
  const site = new Site();
  const copies: ChildProcess[] = [];

  beforeAll(() => site.prepare());

  afterEach(async () => {
    for (const copy of copies.splice(0)) {
      if (copy.exitCode !== null || copy.signalCode !== null) continue;
      const gone = once(copy, 'exit');
      copy.kill('SIGKILL');
      await gone;
    }
    await site.expectNothingLeft();
  });

  afterAll(async () => {
    await site.expectCached();
    await site.expectWholeStore();
    site.remove();
  });

  /** Holds a copy of every mount of the site until the test ends. */
  const copyMounts = () => {
    const [tool = '', ...words] = [...withOwnMounts(site.folder), 'sleep', '600'];
    copies.push(spawn(tool, words, { stdio: 'ignore' }));
  };

  const write = 'head -c 3000000 /dev/urandom > /data; md5sum /data > /sum';

  test.each([
    ['that end with the layer', `RUN echo begun; sleep 0.3; ${write}\n`],
    ['that go on', `RUN echo begun; sleep 0.3; ${write}\nRUN echo second > /second\n`],
    [
      'that write and delete much',
      `RUN echo begun; sleep 0.3; ${write}; dd if=/dev/urandom of=/gone bs=1M count=30; sync; rm /gone\nRUN echo second > /second\n`,
    ],
  ])('makes whole layers of steps %s', async (_, steps) => {
    const build = site.startBuild(`FROM shell\n${steps}`, ['-t', 'copied', '--no-cache']);
    await build.printed('begun');
    copyMounts();
    const { status, err } = await build.ended;
    expect(status, err).toBe(0);
    expect(await site.built('FROM copied\nRUN md5sum -c /sum\n', ['--no-cache'])).toContain('/data: OK');
  });
});
