import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { fakeConsole } from './fake-console.ts';

const home = mkdtempSync(path.join(tmpdir(), 'hyperfile-usage-'));
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** What is typed, the message's first line, and something that its hint says. */
const WRONG: readonly (readonly [line: string, message: string, hint: string])[] = [
  ['biuld .', 'there is no verb biuld', 'Did you mean build?'],
  ['frobnicate', 'there is no verb frobnicate', "See 'hyperfile --help'"],
  ['help biuld', 'there is no verb biuld', 'Did you mean build?'],
  ['--bogus', 'there is no option --bogus', "See 'hyperfile --help'"],
  ['build', 'PATH is missing', "See 'hyperfile build --help'"],
  ['build a b', "too many arguments for 'build'. Expected 1 argument but got 2: a, b", 'build --help'],
  ['build --tga x .', 'there is no option --tga', 'Did you mean --tag?'],
  ['build --tag', "option '-t, --tag <name>' argument missing", 'build --help'],
  [
    'build --progress=fancy .',
    '"fancy" is not a value for --progress, which takes auto, tty, plain or json',
    '',
  ],
  [
    'build --progress=plian .',
    '"plian" is not a value for --progress, which takes auto, tty',
    'Did you mean plain?',
  ],
  [
    'build --progress=tty .',
    '--progress=tty needs a terminal, and the error output is none',
    '--progress=plain',
  ],
  ['build --disk-size 10Q .', '"10Q" is not a size', 'Write a size like 64G'],
  ['build --build-arg =x .', '"=x" is not a value for --build-arg, which takes NAME=VALUE or NAME', ''],
  ['build --secret hunter2 .', 'a --secret is written wrongly', 'Write --secret id=guest,src=FILE'],
  ['build --driver-opt memory .', '"memory" is not a value for --driver-opt, which takes KEY=VALUE', ''],
  [
    'build --driver namespace --driver-opt runtme=crun .',
    'the driver namespace cannot be set up: it has no option "runtme"',
    'Did you mean runtime?',
  ],
  [
    'build --driver hyperv --driver-opt memory=1X .',
    'the driver hyperv cannot be set up: memory cannot be "1X"',
    '',
  ],
  ['build --driver namespce .', 'there is no driver "namespce"', 'namespace'],
  ['images --format yaml', '"yaml" is not a value for --format, which takes table or json', ''],
  ['images extra', "too many arguments for 'images'. Expected 0 arguments but got 1: extra", 'images --help'],
  ['history', 'IMAGE is missing', 'history --help'],
  ['inspect', 'IMAGE is missing', 'inspect --help'],
  ['tag web', 'NAME is missing', 'tag --help'],
  ['rmi', 'IMAGE is missing', 'rmi --help'],
  ['prune --until soon', '"soon" is not a length of time', '24h or 7d'],
  ['prune --keep-storage 0', '"0" is not a size: it must be more than zero', ''],
  ['import file', 'NAME is missing', 'import --help'],
  ['export web', "required option '-o, --output <file>' not specified", 'export --help'],
  ['disk', "'disk' alone does nothing", 'disk --help'],
  ['disk inof x', 'there is no verb disk inof', 'Did you mean info?'],
  ['disk info', 'FILE is missing', 'disk --help'],
  ['completion', 'SHELL is missing', 'completion --help'],
  ['completion bahs', '"bahs" is not a value for SHELL, which takes bash, zsh, fish or powershell', 'bash?'],
  ['version now', "too many arguments for 'version'. Expected 0 arguments but got 1: now", 'version --help'],
  ['push', 'IMAGE is missing', 'push --help'],
  ['push Web', '"Web" is not an image name: it has upper-case letters', 'lower case: web'],
  ['push -a web:1', 'a tag and --all-tags cannot go together', 'push --help'],
  [`push web@sha256:${'a'.repeat(64)}`, 'an image is pushed under a tag', 'push --help'],
  ['push --concurrency 0 web', '"0" is not a value for --concurrency, which takes a number from 1 to 64', ''],
  ['push --compression-level 99 web', '"99" is not a value for --compression-level', ''],
  ['push --progress=tty web', '--progress=tty needs a terminal, and the error output is none', 'plain'],
  ['pull', 'NAME is missing', 'pull --help'],
  ['pull web:', '"web:" is not an image name', ''],
  ['pull ../web', '"../web" is not an image name', ''],
  ['pull -a web:1', 'a tag or a digest and --all-tags cannot go together', 'pull --help'],
  ['pull --platform linux web', '"linux" is not a value for --platform', ''],
  ['inspect --raw web', '--raw needs --remote', 'inspect --help'],
  ['inspect --remote --raw web db', '--raw takes one image', 'inspect --help'],
  ['save', 'IMAGE is missing', 'save --help'],
  ['copy web', 'DST is missing', 'copy --help'],
  ['copy ftp://x oci:y', '"ftp://x" is not a place for images', ''],
  ['cache', "'cache' alone does nothing", 'cache --help'],
  ['cache ls type=registry', 'the cache option type=registry is wrong', ''],
  ['cache prune --all type=local,src=x', '--all is for the cache of the store', 'cache --help'],
  ['build --push .', '--push needs a name to push the image to', '--tag HOST/NAME:TAG'],
  ['tag Web web', '"Web" is not an image name: it has upper-case letters', 'lower case: web'],
];

describe('a command line that is wrong', () => {
  test.each(WRONG)('%s: says what and ends with status 2', async (line, message, hint) => {
    const console = fakeConsole({ env: { HYPERFILE_STORE: home } });
    const status = await run(line.split(' '), console);
    expect(console.written.err.split('\n')[0]).toContain(`hyperfile: error: ${message}`);
    expect(console.written.err).toContain(hint);
    expect(console.written.out).toBe('');
    expect(status).toBe(2);
  });

  test('is one line of JSON on standard output under --progress=json', async () => {
    const console = fakeConsole();
    expect(await run(['build', '--progress=json', '--disk-size', 'x', '.'], console)).toBe(2);
    expect(JSON.parse(console.written.out)).toMatchObject({
      type: 'error',
      code: 'CLI_BAD_SIZE',
      exitStatus: 2,
    });
    expect(console.written.err).toBe('');
  });
});
