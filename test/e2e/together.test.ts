/** Builds at once in one store: each gets what it asked for, and none takes anything from another. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { Site, SITE_NEEDS } from './support/site.ts';

const ROUNDS = 5;

describeWith(SITE_NEEDS, 'two builds at once in one store', () => {
  const site = new Site();
  beforeAll(() => site.prepare());
  afterEach(() => site.expectNothingLeft());
  afterAll(async () => {
    await site.expectCached();
    await site.expectWholeStore();
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
