/** What a recipe, a context and an image may point at: nothing outside the context, nothing outside the guest. */
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { Site, SITE_NEEDS } from './support/site.ts';

describeWith(SITE_NEEDS, 'COPY', () => {
  const site = new Site();
  const secret = path.join(site.folder, 'secret');

  beforeAll(async () => {
    await site.prepare();
    writeFileSync(secret, 'a secret of the host\n');
    site.write({ 'docs/readme': 'read me\n', '.hyperignore': 'hidden*\n', hidden: 'hidden\n' });
    symlinkSync(secret, path.join(site.context, 'docs/absolute'));
    symlinkSync('../../secret', path.join(site.context, 'docs/relative'));
    symlinkSync(site.folder, path.join(site.context, 'above'));
  });

  afterAll(async () => {
    await site.expectNothingLeft();
    await site.expectCached();
    await site.expectWholeStore();
    site.remove();
  });

  test('of a file that is not there names it, its line, and the one probably meant', async () => {
    const err = await site.refused('FROM shell\nCOPY docs/readmee /\n', 3, [
      'docs/readmee does not exist in the build context',
      'docs/readme',
      'FS_SOURCE_MISSING',
    ]);
    expect(err).toMatch(/:2:1\n {2}2 \| COPY docs\/readmee \/\n {4}\| \^/);
  });

  test.each(['../secret', 'docs/../../secret', '/../secret'])(
    'of %s, which leaves the context, is refused',
    async (source) => {
      await site.refused(`FROM shell\nCOPY ${source} /\n`, 3, [
        `${source} leads out of the build context`,
        'FS_OUTSIDE_CONTEXT',
      ]);
    },
  );

  test.each(['docs/absolute', 'docs/relative', 'above/secret'])(
    'of %s, a link that leaves the context, is refused',
    async (source) => {
      const says = [`${source} leads out of the build context`, 'FS_OUTSIDE_CONTEXT'];
      await site.refused(`FROM shell\nCOPY ${source} /\n`, 3, says);
    },
  );

  test('of a folder with such links copies the links, never what they point at', async () => {
    await site.built(
      'FROM shell\nCOPY docs /docs\nRUN ls -l /docs > /list; cat /docs/absolute >> /list; true\n',
      ['-t', 'links'],
    );
    const list = await site.fileOf('links', '/list');
    expect(list).toContain(`absolute -> ${secret}`);
    expect(list).not.toContain('a secret');
  });

  test('of an ignored file says that it is ignored, and by what', async () => {
    await site.refused('FROM shell\nCOPY hidden /\n', 3, [
      'hidden is excluded from the build context by the ignore file',
      '!hidden',
      'FS_SOURCE_IGNORED',
    ]);
  });

  test('through a link of the image that points outside stays in the guest', async () => {
    const outside = path.join(site.folder, 'outside');
    mkdirSync(outside);
    const links = [
      `ln -s ${outside} /absolute`,
      `ln -s ../../../../../../..${outside} /relative`,
      `ln -s ${secret} /file`,
    ];
    await site.built(
      `FROM shell
RUN ${links.join(' && ')}
COPY page /absolute/copied
COPY page /relative/copied-too
COPY page /file
COPY page ${outside}/deep/
RUN cat ${outside}/copied ${outside}/copied-too ${outside}/deep/page ${secret} > /found\n`,
      ['-t', 'stays'],
    );
    expect(await site.fileOf('stays', '/found')).toBe('a page\n'.repeat(4));
    expect(readdirSync(outside)).toEqual([]);
    expect(readFileSync(secret, 'utf8')).toBe('a secret of the host\n');
  });

  test('--from an image with a link that points outside reads the guest’s own file or none', async () => {
    await site.built(
      `FROM shell\nRUN ln -s ${secret} /leak && mkdir -p ${site.folder} && echo own > ${secret}\n`,
      ['-t', 'linked'],
    );
    await site.built('FROM shell\nCOPY --from=linked /leak /got\n', ['-t', 'got']);
    expect(await site.fileOf('got', '/got')).toBe('own\n');
    await site.built(`FROM shell\nRUN ln -s ${secret} /leak\n`, ['-t', 'dangling']);
    const err = await site.refused('FROM shell\nCOPY --from=dangling /leak /got\n', 3, [
      '/leak',
      'FS_SOURCE_MISSING',
    ]);
    expect(err).not.toContain('a secret');
  });
});
