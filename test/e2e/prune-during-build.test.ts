/** A prune takes nothing that a build uses which goes on meanwhile. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { processesOf } from '../support/traces.ts';
import { Site, SITE_NEEDS } from './support/site.ts';

/** What a step of a build does until the test ends it. */
const WAIT = 'sleep 600';
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
      `FROM shell\nRUN echo cached > /cached\nRUN echo begun; ${WAIT}; true\nRUN cat /cached > /copied; sleep 0.5\n`,
      ['-t', 'kept'],
    );
    await build.printed('begun');
    await site.run(['rmi', 'shell']);
    let over = false;
    void build.ended.then(() => (over = true));
    const prune = async () => {
      const { status, err } = await site.run(['prune', '--all']);
      expect(status, err).toBe(0);
    };
    await prune();
    await prune();
    expect(over).toBe(false);
    endWait();
    // In the moments between steps, too.
    while (!over) await prune();
    const { status, err } = await build.ended;
    expect(status, err).toBe(0);
    expect(await site.fileOf('kept', '/copied')).toBe('cached\n');
  });

  /** Ends the wait of the step that runs, seen from outside its guest. */
  function endWait(): void {
    const waits = processesOf(site.folder).filter((line) => line.trim().endsWith(` ${WAIT}`));
    expect(waits).toHaveLength(1);
    process.kill(Number(/\d+/.exec(waits[0])), 'SIGKILL');
  }

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
