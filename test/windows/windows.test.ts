/** The parts of the program that lean on the system, in Node for Windows: a host's own, or one under Wine. */
import path from 'node:path';
import { expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';
import { runThere, windowsNode } from '../support/windows-node.ts';

const CHECKS = path.join(import.meta.dirname, 'checks.ts');
/** Without such a Node they are not known. */
const TITLES =
  windowsNode() === undefined ? [] : (await runThere(CHECKS, ['--list'])).stdout.trim().split(/\r?\n/);

describeWith(['windows-node'], 'on Windows', () => {
  test.each(TITLES)('%s', async (title) => {
    const { status, stdout, stderr } = await runThere(CHECKS, [title]);
    expect(stdout.trim(), stderr).toBe('holds');
    expect(status).toBe(0);
  });

  test('the command says its version, and doctor what the host lacks', async () => {
    const main = path.resolve(import.meta.dirname, '../../src/cli/main.ts');
    expect((await runThere(main, ['version'])).stdout).toContain('win32');
    const { stdout, stderr } = await runThere(main, ['doctor']);
    expect(stdout).toContain('\\Hyperfile');
    expect(stderr).not.toMatch(/^\s+at /m);
  });
});
