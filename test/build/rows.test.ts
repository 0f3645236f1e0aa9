/** Steps without a layer of their own: REBOOT and RUN --layer=false. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { BUILD_NEEDS, outputOf, SHELL, Yard } from './building.ts';
import { lastingLeftovers } from '../support/traces.ts';

describeWith(BUILD_NEEDS, 'steps without a layer of their own', () => {
  const yard = new Yard();

  beforeAll(async () => {
    yard.writeBusybox();
    yard.write({ page: 'one' });
    await yard.build(SHELL, { tags: ['shell'] });
  });

  afterAll(async () => {
    expect(await lastingLeftovers(yard.folder)).toEqual([]);
    expect(yard.strayLayers()).toEqual([]);
    yard.remove();
  });

  const read = (image: string, file: string) =>
    yard.inside(image, (root) => {
      const found = path.join(root, file);
      return existsSync(found) ? readFileSync(found, 'utf8').trim() : undefined;
    });
  const layersOf = async (image: string) => (await (await yard.store()).image(image)).config.layers.length;

  test('share the layer of the next one, and the image keeps them in its history', async () => {
    const recipe = 'FROM shell\nRUN --layer=false echo 1 > /a\nENV x=y\nREBOOT\nRUN cat /a /a > /b\n';
    const built = await yard.build(recipe);
    expect(built.steps).toEqual([
      'FROM shell cached',
      'RUN --layer=false echo 1 > /a done',
      'REBOOT done',
      'RUN cat /a /a > /b done',
    ]);
    expect(await layersOf(built.image.id)).toBe((await layersOf('shell')) + 1);
    expect(await read(built.image.id, 'a')).toBe('1');
    expect(await read(built.image.id, 'b')).toBe('1\n1');
    const { history } = (await (await yard.store()).image(built.image.id)).config;
    expect(history.slice(-4).map(({ createdBy, layer }) => [createdBy, layer !== undefined])).toEqual([
      ['RUN --layer=false echo 1 > /a', false],
      ['ENV x=y', false],
      ['REBOOT', false],
      ['RUN cat /a /a > /b', true],
    ]);
  });

  test('are not run when that layer is in the cache, and the image is the same again', async () => {
    const recipe =
      'FROM shell\nRUN --layer=false echo ran\nRUN echo x > /x\nREBOOT\nRUN --layer=false echo ran\nCOPY page /\n';
    const first = await yard.build(recipe);
    expect(outputOf(first.events)).toBe('ran\nran\n');
    const second = await yard.build(recipe);
    expect(second.cachedSteps).toBe(second.totalSteps);
    expect(second.steps.every((step) => step.endsWith(' cached'))).toBe(true);
    expect(outputOf(second.events)).toBe('');
    expect(second.image.id).toBe(first.image.id);
  });

  test('run again with the step that needs them, and not with a later one', async () => {
    const recipe = (last: string) =>
      `FROM shell\nRUN --layer=false echo first > /1\nRUN cat /1 > /2\nRUN --layer=false echo ${last} >> /2\nRUN cat /2 > /3\n`;
    await yard.build(recipe('a'));
    const { steps, image } = await yard.build(recipe('b'));
    expect(steps.map((step) => step.split(' ').at(-1))).toEqual([
      'cached',
      'cached',
      'cached',
      'done',
      'done',
    ]);
    expect(await read(image.id, '3')).toBe('first\nb');
  });

  test('have a layer when nothing with one comes after them', async () => {
    const recipe = 'FROM shell\nRUN --layer=false echo 1 > /t1\nRUN --layer=false echo 2 > /t2\nLABEL a=b\n';
    const first = await yard.build(recipe);
    expect(await layersOf(first.image.id)).toBe((await layersOf('shell')) + 1);
    expect(await read(first.image.id, 't1')).toBe('1');
    const again = await yard.build(recipe);
    expect(again.cachedSteps).toBe(3);
    expect(again.image.id).toBe(first.image.id);
    expect((await yard.build('FROM shell\nREBOOT\n')).steps.at(-1)).toBe('REBOOT done');
    const grown = await yard.build('FROM shell\nREBOOT\nRUN echo 1 > /grown\n');
    expect(grown.steps).toEqual(['FROM shell cached', 'REBOOT done', 'RUN echo 1 > /grown done']);
    expect(await layersOf(grown.image.id)).toBe((await layersOf('shell')) + 1);
  });

  test('all run under --no-cache', async () => {
    const recipe = 'FROM shell\nRUN --layer=false echo again\nRUN echo 1 > /n\n';
    await yard.build(recipe);
    const { steps, events } = await yard.build(recipe, { noCache: true });
    expect(steps.slice(1).every((step) => step.endsWith(' done'))).toBe(true);
    expect(outputOf(events)).toBe('again\n');
  });

  test('of two stages that make the same run once', async () => {
    const row = 'RUN --layer=false sleep 0.3; echo once\nRUN echo shared > /shared-row\n';
    const { steps, events } = await yard.build(
      `FROM shell AS a\n${row}FROM shell AS b\n${row}FROM shell\nCOPY --from=a /shared-row /a\nCOPY --from=b /shared-row /b\n`,
    );
    expect(outputOf(events)).toBe('once\n');
    const ends = (status: string) => steps.filter((step) => /^RUN/.test(step) && step.endsWith(status));
    expect([ends('done').length, ends('cached').length]).toEqual([2, 2]);
  });

  test('that fail end the build at their place, and those before them with a layer are kept', async () => {
    const recipe = (last: string) =>
      `FROM shell\nRUN echo 1 > /kept\nRUN --layer=false ${last}\nRUN echo 2 > /never\n`;
    await expect(yard.build(recipe('exit 3'))).rejects.toMatchObject({
      code: 'BUILD_STEP_FAILED',
      at: expect.objectContaining({ line: 3 }) as object,
    });
    expect((await yard.build(recipe('true'))).steps.slice(1).map((step) => step.split(' ').at(-1))).toEqual([
      'cached',
      'done',
      'done',
    ]);
  });

  test('do not run when what the step after them reads is missing', async () => {
    const failing = yard.build('FROM shell\nRUN --layer=false exit 9\nCOPY missing /\n');
    await expect(failing).rejects.toMatchObject({
      code: 'FS_SOURCE_MISSING',
      at: expect.objectContaining({ line: 3 }) as object,
    });
  });

  test('say under --explain why they run, or that nobody needs them', async () => {
    const recipe = 'FROM shell\nREBOOT\nRUN echo 1 > /explained\n';
    const texts = async () =>
      (await yard.build(recipe, { explain: true })).events.flatMap((event) =>
        event.type === 'explain' ? [event.text] : [],
      );
    expect(await texts()).toContain('runs: the layer of a later step needs it');
    const again = await texts();
    expect(again).toContain('not needed: the layer of a later step has what it does');
    expect(again.at(-1)).toMatch(/^found in the store/);
  });

  test('leave what the guest asks of its machine in the config', async () => {
    const { image } = await yard.build('FROM shell\nMACHINE memory=4G tpm=on\nREBOOT\n');
    const { config } = await (await yard.store()).image(image.id);
    expect(config.config.machine).toEqual({ memoryBytes: 4 * 1024 ** 3, tpm: true });
  });
});
