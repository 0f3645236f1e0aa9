/** Several commands at once in one store: each gets what it asked for, and none takes anything from another. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { Site, SITE_NEEDS } from './support/site.ts';

const ROUNDS = 5;

describeWith(SITE_NEEDS, 'two builds at once in one store', () => {
  const site = new Site();
  beforeAll(() => site.prepare());
  afterEach(async () => {
    await site.expectNothingLeft();
    await site.expectWholeStore();
  });
  afterAll(async () => {
    await site.expectCached();
    site.remove();
  });

  const recipe = (word: string) => `FROM shell
RUN echo ${word} > /word
COPY page /${word}/
RUN echo more >> /word
`;

  test('of one recipe both succeed, and the next comes from the cache', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const word = `same-${round}`;
      const builds = [1, 2].map((number) => site.build(recipe(word), ['-t', `twin-${number}`]));
      for (const { status, err } of await Promise.all(builds)) expect(status, err).toBe(0);
    }
    expect(await site.built(recipe('same-0'))).toContain('(4 steps, 4 cached)');
    expect(await site.fileOf('twin-1', '/word')).toBe(`same-${ROUNDS - 1}\nmore\n`);
    expect(await site.fileOf('twin-2', '/word')).toBe(`same-${ROUNDS - 1}\nmore\n`);
  });

  test('of different recipes both succeed', async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const builds = ['left', 'right'].map((side) => site.build(recipe(`${side}-${round}`), ['-t', side]));
      for (const { status, err } of await Promise.all(builds)) expect(status, err).toBe(0);
    }
    expect(await site.fileOf('left', '/word')).toBe(`left-${ROUNDS - 1}\nmore\n`);
    expect(await site.fileOf('right', '/word')).toBe(`right-${ROUNDS - 1}\nmore\n`);
  });

  test('in a new store both make it', async () => {
    const fresh = new Site();
    fresh.write({ page: 'a page\n' });
    const builds = ['one', 'two'].map((name) => fresh.build('FROM scratch\nCOPY page /\n', ['-t', name]));
    for (const { status, err } of await Promise.all(builds)) expect(status, err).toBe(0);
    await fresh.expectNothingLeft();
    await fresh.expectWholeStore();
    fresh.remove();
  });
});

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
