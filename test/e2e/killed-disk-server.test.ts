/** Disk servers that are killed outright: the build ends with a clear error, never hangs, and keeps what was finished. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { busyRecipe, moments, writeBusyContext } from './support/busy-build.ts';
import { expectRefusal, Site, SITE_NEEDS } from './support/site.ts';
import { killDiskServerOf } from '../support/traces.ts';

const MOMENTS = 6;
/** About as long as the build below has a disk server. */
const SERVED_MS = 600;

describeWith(SITE_NEEDS, 'a disk server that is killed outright', () => {
  const site = new Site();
  beforeAll(() => site.prepare());
  afterEach(() => site.expectNothingLeft());
  afterAll(async () => {
    await site.expectCached();
    await site.expectWholeStore();
    site.remove();
  });

  test('while a command waits ends the build with a clear error', async () => {
    const build = site.startBuild('FROM shell\nRUN echo begun; sleep 60\n');
    await build.printed('begun');
    await killDiskServerOf(site.folder);
    expectRefusal(await build.ended, 1, ['disk went away', /:2:1\n {2}2 \| RUN echo begun/]);
  });

  test('while a command writes ends the build with a clear error', async () => {
    const build = site.startBuild(
      'FROM shell\nRUN echo begun; while true; do dd if=/dev/zero of=/big bs=1M count=50 conv=fsync 2>/dev/null; done\n',
    );
    await build.printed('begun');
    await sleep(100);
    await killDiskServerOf(site.folder);
    expectRefusal(await build.ended, 1, ['disk went away', /:2:1\n {2}2 \| RUN echo begun/]);
  });

  test('at any moment never makes the build hang, and keeps what was finished', async () => {
    writeBusyContext(site);
    for (const [index, delayMs] of moments(MOMENTS, SERVED_MS).entries()) {
      // On a fast machine, too, the server is there at the last moment.
      const build = site.startBuild(busyRecipe(`moment-${index}`) + 'RUN sleep 60\n');
      await killDiskServerOf(site.folder, delayMs);
      const ended = await build.ended;
      expectRefusal(ended, 1, [/disk went away|disk server ended/]);
      await site.expectNothingLeft();
    }
    await site.built(busyRecipe(`moment-${MOMENTS - 1}`));
  });
});
