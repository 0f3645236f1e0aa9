/** Wrong recipes and wrong command lines: every error at once, with its place, before anything is touched. */
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { expectRefusal, Site, SITE_NEEDS } from './support/site.ts';

describeWith(SITE_NEEDS, 'a recipe with an error', () => {
  const site = new Site();
  beforeAll(() => site.prepare());
  afterAll(async () => {
    await site.expectNothingLeft();
    await site.expectCached();
    site.remove();
  });

  test('shows the unknown instruction, its line with a caret, and what was probably meant', async () => {
    const err = await site.refused('FROM shell\nRUNN echo hello\n', 3, [
      'unknown instruction RUNN',
      'did you mean RUN?',
      'LANG_UNKNOWN_INSTRUCTION',
    ]);
    expect(err).toMatch(/\.Hyperfile:2:1\n {2}2 \| RUNN echo hello\n {4}\| \^\^\^\^\n/);
  });

  test('shows several errors at once, each with its own caret and hint', async () => {
    const recipe = 'FORM scratch\nFROM shell\nCOPPY a b\nCOPY --chonw=1 a b\nEXPOSE 99999\n';
    const err = await site.refused(recipe, 3, ['LANG_ERRORS', 'did you mean FROM?', 'did you mean COPY?']);
    expect(err).toMatch(/1 \| FORM scratch\n +\| \^\^\^\^\n/);
    expect(err).toMatch(/3 \| COPPY a b\n +\| \^\^\^\^\^\n/);
    expect(err).toMatch(/4 \| COPY --chonw=1 a b\n +\| {6}\^+\n/);
    expect(err).toMatch(/5 \| EXPOSE 99999\n +\| {8}\^\^\^\^\^\n/);
  });

  test('shows no control characters of a file that is no recipe', async () => {
    const err = await site.refused('\u0000\u001b[31mFROM\u0007', 3, ['LANG_']);
    // eslint-disable-next-line no-control-regex -- what must not be there
    expect(err).not.toMatch(/[\u0000\u0007\u001b]/);
  });

  test('names a stage that --target asks for and the recipe has not, and the one probably meant', async () => {
    const recipe = 'FROM shell AS maker\nRUN true\n';
    await site.refused(
      recipe,
      3,
      ['the recipe has no stage "makr"', 'Did you mean maker?'],
      ['--target', 'makr'],
    );
  });

  test('names an image that the store has not, with the line that asks for it', async () => {
    const err = await site.refused('FROM shel\nRUN true\n', 3, [
      'there is no image "shel"',
      'BUILD_NO_IMAGE',
    ]);
    expect(err).toMatch(/:1:1\n {2}1 \| FROM shel\n {4}\| \^+\n/);
  });
});

describeWith(SITE_NEEDS, 'a command line', () => {
  const site = new Site();
  afterAll(() => site.remove());

  const usage = async (args: readonly string[], says: readonly string[]) => {
    expectRefusal(await site.run(args), 2, says);
    site.expectNoStore();
  };

  test('with an unknown verb names the one probably meant', () =>
    usage(['biuld', '.'], ['there is no verb biuld', 'Did you mean build?']));

  test('with an unknown option names the one probably meant', () =>
    usage(['build', '--tagg', 'x', '.'], ['there is no option --tagg', 'Did you mean --tag?']));

  test('without a context says what is missing', () => usage(['build'], ['PATH is missing']));

  test('with a context that is not there names it', async () => {
    const missing = path.join(site.folder, 'nowhere');
    expectRefusal(await site.run(['build', missing]), 2, [`the build context ${missing} is not a folder`]);
  });

  test('for a context without a recipe says where it looked and what to do', async () => {
    const ended = await site.run(['build', site.context]);
    expectRefusal(ended, 2, [`no recipe at ${site.context}/Hyperfile`, '-f FILE']);
  });
});
