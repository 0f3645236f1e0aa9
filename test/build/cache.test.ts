import { utimesSync } from 'node:fs';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { BUILD_NEEDS, SHELL, Yard } from './building.ts';
import { lastingLeftovers } from '../support/traces.ts';

describeWith(BUILD_NEEDS, 'the cache of a build', () => {
  const yard = new Yard();

  beforeAll(async () => {
    yard.writeBusybox();
    yard.write({ 'page.html': 'one', 'tree/a': 'a', 'tree/b': 'b' });
    await yard.build(SHELL, { tags: ['shell'] });
  });

  afterAll(async () => {
    expect(await lastingLeftovers(yard.folder)).toEqual([]);
    expect(yard.strayLayers()).toEqual([]);
    yard.remove();
  });

  const recipe = 'FROM shell\nRUN echo one > /one\nCOPY page.html /srv/\nRUN cat /srv/page.html > /two\n';
  const steps = [
    'FROM shell',
    'RUN echo one > /one',
    'COPY page.html /srv/',
    'RUN cat /srv/page.html > /two',
  ];
  const statuses = (...words: string[]) => steps.map((step, index) => `${step} ${words[index]}`);

  test('a second build takes every step from the cache and gives the same image', async () => {
    const first = await yard.build(recipe, { tags: ['app'] });
    expect(first.steps).toEqual(statuses('cached', 'done', 'done', 'done'));
    const second = await yard.build(recipe, { tags: ['app'] });
    expect(second.steps).toEqual(statuses('cached', 'cached', 'cached', 'cached'));
    expect(second.image.id).toBe(first.image.id);
  });

  test('a changed file runs the step that reads it and those after it again', async () => {
    yard.write({ 'page.html': 'two' });
    const { steps: ended, image } = await yard.build(recipe, { tags: ['app'] });
    expect(ended).toEqual(statuses('cached', 'cached', 'done', 'done'));
    expect(await yard.inside(image.id, (root) => readFileSync(path.join(root, 'two'), 'utf8'))).toBe('two');
  });

  test('a file that is only touched changes nothing', async () => {
    utimesSync(path.join(yard.context, 'page.html'), 1, 1);
    expect((await yard.build(recipe)).steps).toEqual(statuses('cached', 'cached', 'cached', 'cached'));
  });

  test('a file that no step reads changes nothing', async () => {
    yard.write({ 'other.txt': String(Math.random()) });
    expect((await yard.build(recipe)).steps).toEqual(statuses('cached', 'cached', 'cached', 'cached'));
  });

  test('--no-cache runs every step, but not the base', async () => {
    expect((await yard.build(recipe, { noCache: true })).steps).toEqual(
      statuses('cached', 'done', 'done', 'done'),
    );
  });

  test('labels and commands are free: the steps after them stay cached', async () => {
    const labelled = recipe.replace('COPY', 'LABEL version=2\nCMD ["/bin/sh"]\nCOPY');
    const built = await yard.build(labelled);
    expect(built.cachedSteps).toBe(4);
    expect((await (await yard.store()).image(built.image.id)).config.config.labels).toEqual({ version: '2' });
  });

  test('a copy from a stage counts by content: rebuilding the stage with the same result keeps it cached', async () => {
    const two = (noise: string) => `FROM shell AS maker
RUN echo same > /out; echo ${noise} > /noise
FROM shell
COPY --from=maker /out /out
RUN cat /out
`;
    await yard.build(two('1'));
    const again = await yard.build(two('2'));
    expect(again.steps).toContain('RUN echo same > /out; echo 2 > /noise done');
    expect(again.steps).toContain('COPY --from=maker /out /out cached');
    expect(again.steps).toContain('RUN cat /out cached');
  });

  test('the same step in two stages runs once', async () => {
    const shared = 'RUN echo shared > /shared; sleep 0.3';
    const built = await yard.build(
      `FROM shell AS a\n${shared}\nFROM shell AS b\n${shared}\nFROM shell\nCOPY --from=a /shared /a\nCOPY --from=b /shared /b\n`,
    );
    expect(built.steps.filter((step) => step.startsWith(shared)).sort()).toEqual([
      `${shared} cached`,
      `${shared} done`,
    ]);
  });

  test('stages that do not need each other run side by side', async () => {
    const stage = (name: string) => `FROM shell AS ${name}\nRUN echo ${name} > /${name}; sleep 1\n`;
    const copies = 'FROM shell\nCOPY --from=left /left /\nCOPY --from=right /right /\n';
    const { events } = await yard.build(stage('left') + stage('right') + copies);
    const runs = new Set(
      events.flatMap((e) => (e.type === 'step-start' && e.title.includes('sleep') ? [e.step] : [])),
    );
    const order = events.flatMap((e) =>
      (e.type === 'step-start' || e.type === 'step-end') && runs.has(e.step) ? [e.type] : [],
    );
    expect(order).toEqual(['step-start', 'step-start', 'step-end', 'step-end']);
  });

  test('a stage that the target does not need is not built', async () => {
    const { steps: ended } = await yard.build(
      'FROM shell AS unused\nRUN exit 1\nFROM shell\nRUN echo target > /target\n',
    );
    expect(ended).toEqual(['FROM shell cached', 'RUN echo target > /target done']);
  });

  test('a build continues from where a failed one stopped', async () => {
    const failing = 'FROM shell\nRUN echo good > /good\nRUN exit 3\n';
    await expect(yard.build(failing)).rejects.toMatchObject({ code: 'BUILD_STEP_FAILED', exitStatus: 1 });
    const mended = await yard.build(failing.replace('exit 3', 'true'));
    expect(mended.steps).toEqual(['FROM shell cached', 'RUN echo good > /good cached', 'RUN true done']);
  });

  test('an image that is the base of another is built upon, config and all', async () => {
    await yard.build('FROM shell\nENV greeting=hello\nWORKDIR /work\n', { tags: ['parent'] });
    const child = await yard.build('FROM parent\nRUN echo $greeting > here\n');
    expect(
      await yard.inside(child.image.id, (root) => readFileSync(path.join(root, 'work/here'), 'utf8')),
    ).toBe('hello\n');
  });
});
