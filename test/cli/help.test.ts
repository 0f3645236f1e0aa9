import { describe, expect, test } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { VERBS } from '../../src/cli/verbs.ts';
import { fakeConsole } from './fake-console.ts';

async function output(...argv: string[]): Promise<string> {
  const console = fakeConsole();
  expect(await run(argv, console)).toBe(0);
  expect(console.written.err).toBe('');
  return console.written.out;
}

describe('help', () => {
  test('lists every verb with its summary, and the exit statuses', async () => {
    const text = await output('help');
    for (const { name, summary } of VERBS) expect(text).toMatch(new RegExp(`^  ${name} +${summary}$`, 'm'));
    expect(text).toContain('130  interrupted');
  });

  test('is what no arguments and --help give', async () => {
    const text = await output('help');
    expect(await output()).toBe(text);
    expect(await output('--help')).toBe(text);
    expect(await output('-h')).toBe(text);
  });

  const parts: Readonly<Record<string, readonly string[]>> = {
    disk: [
      'create',
      'convert',
      'info',
      'check',
      'map',
      'diff',
      'resize',
      'compact',
      'merge',
      'rebase',
      'trim',
    ].map((part) => `disk ${part}`),
    cache: ['cache ls', 'cache prune', 'cache verify'],
  };
  const lines = VERBS.flatMap(({ name }) => parts[name] ?? [name]);
  test.each(lines)('of %s shows how it is used and examples of it', async (line) => {
    const text = await output('help', ...line.split(' '));
    expect(text).toMatch(new RegExp(`^Usage: hyperfile ${line}( |$)`, 'm'));
    expect(text).toMatch(new RegExp(`^Examples:\n  # .+\n  \\$ .*hyperfile ${line}`, 'm'));
    expect(await output(...line.split(' '), '--help')).toBe(text);
  });

  test('fits the terminal it is printed on', async () => {
    const console = fakeConsole({ columns: 80 });
    await run(['build', '--help'], console);
    const [options] = console.written.out.split('Examples:');
    for (const line of options?.split('\n') ?? []) expect(line.length).toBeLessThanOrEqual(80);
  });
});

describe('version', () => {
  test('is printed by the verb and by the options people try', async () => {
    const text = await output('version');
    expect(text).toMatch(/^hyperfile \d+\.\d+\.\d+ \(node /);
    expect(await output('--version')).toBe(text);
    expect(await output('-v')).toBe(text);
  });

  test('comes as JSON for programs', async () => {
    expect(JSON.parse(await output('version', '--format', 'json'))).toMatchObject({
      node: process.versions.node,
    });
  });
});
