/** Ctrl-C and termination at any moment: status 130, nothing left, and the next build goes on from where this one was. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { busyRecipe, moments, writeBusyContext } from './support/busy-build.ts';
import type { Ended, RunningCommand } from './support/command.ts';
import { slowTool } from './support/slow-tools.ts';
import { expectNoStack, expectRefusal, Site, SITE_NEEDS } from './support/site.ts';

const MOMENTS = 12;

describeWith(SITE_NEEDS, 'a build that is interrupted', () => {
  const site = new Site();
  let wholeMs = 0;

  beforeAll(async () => {
    await site.prepare();
    writeBusyContext(site);
    const startedMs = performance.now();
    await site.built(busyRecipe('whole'));
    wholeMs = performance.now() - startedMs;
  });

  afterEach(() => site.expectNothingLeft());

  afterAll(async () => {
    await site.expectCached();
    await site.expectWholeStore();
    site.remove();
  });

  test('at any moment by Ctrl-C or a termination leaves nothing', async () => {
    for (const [index, delayMs] of moments(MOMENTS, wholeMs).entries()) {
      const build = site.startBuild(busyRecipe(`moment-${index}`));
      await sleep(delayMs);
      if (index % 3 === 2) build.signal('SIGTERM');
      else build.signalGroup('SIGINT');
      expectInterrupted(await build.ended);
      await site.expectNothingLeft();
    }
  });

  test('during a command stops the command, and keeps the finished steps', async () => {
    const recipe = 'FROM shell\nRUN echo kept > /kept\nRUN echo begun; sleep 60\n';
    const build = site.startBuild(recipe);
    await interruptAt(build, 'begun');
    const again = await site.built(recipe.replace('sleep 60', 'true'));
    expect(again).toMatch(/RUN echo kept > \/kept\n#2 CACHED/);
  });

  test('during a command that does not listen stops it all the same', async () => {
    const build = site.startBuild(`FROM shell\nRUN trap '' INT TERM HUP; echo begun; sleep 60; sleep 60\n`);
    await interruptAt(build, 'begun');
  });

  test('while several stages run stops all of them', async () => {
    const stage = (name: string) => `FROM shell AS ${name}\nRUN echo ${name} begun; sleep 60\n`;
    const copies = 'FROM shell\nCOPY --from=a /bin/sh /a\nCOPY --from=b /bin/sh /b\n';
    const build = site.startBuild(stage('a') + stage('b') + copies);
    await build.printed('b begun');
    await interruptAt(build, 'a begun');
  });

  test.each([
    ['losetup', '500M'],
    ['mount', '501M'],
    ['umount', '502M'],
    ['mke2fs', '503M'],
  ])('while %s is at work leaves nothing', async (tool, diskSize) => {
    const slow = slowTool(site, tool);
    const build = site.startBuild(`FROM scratch\nCOPY page /page-${tool}\n`, ['--disk-size', diskSize], slow);
    await slow.worked();
    build.signalGroup('SIGINT');
    await build.said(/interrupted: cleaning up/).finally(() => slow.release());
    expectRefusal(await build.ended, 130, ['interrupted']);
  });

  test('twice ends at once, and leaves the rest to the next command', async () => {
    const build = site.startBuild('FROM shell\nRUN echo begun; sleep 60\n');
    await build.printed('begun');
    build.signalGroup('SIGINT');
    await sleep(5);
    build.signalGroup('SIGINT');
    expect((await build.ended).status).toBe(130);
    expect((await site.run(['images'])).err).toBe('');
  });
});

async function interruptAt(build: RunningCommand, line: string): Promise<void> {
  await build.printed(line);
  build.signalGroup('SIGINT');
  const ended = await build.ended;
  expectRefusal(ended, 130, ['interrupted', 'INTERRUPTED']);
}

/** Before the program could say anything, or after it said that all is done, the signal ends it as it ends any. */
function expectInterrupted(ended: Ended): void {
  expectNoStack(ended.err);
  if (ended.signal !== null) expect(ended.err).toMatch(/^$|^Built in .*\nimage .*\nlayers .*\n$/m);
  else if (ended.status !== 0) expectRefusal(ended, 130, ['interrupted', 'INTERRUPTED']);
}
