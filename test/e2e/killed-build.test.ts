/** Builds that are killed outright: the next command removes what is left without a word, and nothing is harmed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { busyRecipe, moments, writeBusyContext } from './support/busy-build.ts';
import { Site, SITE_NEEDS } from './support/site.ts';

const MOMENTS = 12;

describeWith(SITE_NEEDS, 'a build that is killed outright', () => {
  const site = new Site();
  let wholeMs = 0;

  beforeAll(async () => {
    await site.prepare();
    writeBusyContext(site);
    const startedMs = performance.now();
    await site.built(busyRecipe('whole'));
    wholeMs = performance.now() - startedMs;
  });

  afterAll(async () => {
    await site.expectCached();
    await site.expectWholeStore();
    site.remove();
  });

  test('at any moment leaves only what the next command removes without a word', async () => {
    for (const [index, delayMs] of moments(MOMENTS, wholeMs).entries()) {
      const build = site.startBuild(busyRecipe(`moment-${index}`));
      await sleep(delayMs);
      build.signal('SIGKILL');
      await build.ended;
      expect((await site.run(['images'])).err).toBe('');
      await site.expectNothingLeft();
    }
  });

  test('is followed by one that goes on from its finished steps', async () => {
    const recipe = 'FROM shell\nRUN echo kept > /kept\nRUN echo also > /also\nRUN echo begun; sleep 60\n';
    const build = site.startBuild(recipe);
    await build.printed('begun');
    build.signal('SIGKILL');
    await build.ended;
    const again = await site.built(recipe.replace('sleep 60', 'true'));
    expect(again).toMatch(/RUN echo kept > \/kept\n#2 CACHED/);
    expect(again).toMatch(/RUN echo also > \/also\n#3 CACHED/);
    expect(again).not.toMatch(/WARNING/);
    await site.expectNothingLeft();
  });
});
