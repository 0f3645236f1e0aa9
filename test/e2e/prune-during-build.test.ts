/** A prune takes nothing that a build uses which goes on meanwhile. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { Site, SITE_NEEDS } from './support/site.ts';

describeWith(SITE_NEEDS, 'a prune during a build', () => {
  const site = new Site();
  beforeAll(() => site.prepare());
  afterAll(async () => {
    await site.expectNothingLeft();
    await site.expectWholeStore();
    site.remove();
  });

  test('takes nothing that the build uses', async () => {
    await site.built('FROM shell\nRUN echo cached > /cached\n');
    const build = site.startBuild(
      'FROM shell\nRUN echo cached > /cached\nRUN echo begun; sleep 1\nRUN cat /cached > /copied; sleep 0.5\n',
      ['-t', 'kept'],
    );
    await build.printed('begun');
    await site.run(['rmi', 'shell']);
    let prunes = 0;
    let over = false;
    void build.ended.then(() => (over = true));
    while (!over) {
      const { status, err } = await site.run(['prune', '--all']);
      expect(status, err).toBe(0);
      prunes++;
    }
    const { status, err } = await build.ended;
    expect(status, err).toBe(0);
    expect(prunes).toBeGreaterThan(1);
    expect(await site.fileOf('kept', '/copied')).toBe('cached\n');
  });

  test('of a build that is killed meanwhile leaves what images hold', async () => {
    const build = site.startBuild('FROM kept\nRUN echo begun; sleep 30\n');
    await build.printed('begun');
    const prune = site.run(['prune', '--all']);
    build.signal('SIGKILL');
    await build.ended;
    expect((await prune).status).toBe(0);
    expect((await site.run(['prune', '--all'])).status).toBe(0);
    expect(await site.fileOf('kept', '/copied')).toBe('cached\n');
  });
});
