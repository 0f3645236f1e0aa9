import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeWith } from '../support/needs.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-ci-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const GOOD = { numPassedTests: 12, numFailedTests: 0, numPendingTests: 3, numTodoTests: 1 };

describeWith(['bash'], '.ci/run', () => {
  beforeAll(() => {
    for (const part of ['.ci', 'scripts', 'bin']) mkdirSync(path.join(folder, part));
    copyFileSync(path.join(ROOT, '.ci/run'), path.join(folder, '.ci/run'));
    copyFileSync(path.join(ROOT, 'scripts/test-summary.cjs'), path.join(folder, 'scripts/test-summary.cjs'));
    // In npm's place: fails for what FAILING names, and leaves the report that vitest would.
    const npm = `#!/bin/sh
echo "npm $*"
[ "$1" = test ] && [ -n "$REPORT" ] && printf '%s' "$REPORT" > "$TEST_REPORT"
case " $FAILING " in *" \${2:-$1} "*) exit 1 ;; esac
case " $FAILING " in *" $1 "*) exit 1 ;; esac
exit 0
`;
    writeFileSync(path.join(folder, 'bin/npm'), npm, { mode: 0o755 });
  });

  function runCi(report: object | string, failing = '') {
    const PATH = `${path.join(folder, 'bin')}:${path.dirname(process.execPath)}:${process.env.PATH}`;
    const REPORT = typeof report === 'string' ? report : JSON.stringify(report);
    const env = { ...process.env, PATH, REPORT, FAILING: failing };
    const { stdout, stderr, status, signal, error } = spawnSync('bash', [path.join(folder, '.ci/run')], {
      env,
      encoding: 'utf8',
      cwd: '/',
    });
    expect({ signal, error }, stdout + stderr).toEqual({ signal: null, error: undefined });
    return { lastLine: stdout.trimEnd().split('\n').at(-1), stdout, status };
  }

  test('runs every check and ends with the counts of the tests', () => {
    const { lastLine, stdout, status } = runCi(GOOD);
    for (const line of ['npm ci', 'npm run check', 'npm run gen -- --check', 'npm run build', 'npm test']) {
      expect(stdout).toContain(`${line}\n`);
    }
    expect(lastLine).toBe('12 passed, 0 failed, 4 skipped');
    expect(status).toBe(0);
  });

  test('counts tests that fail', () => {
    const { lastLine, status } = runCi({ numPassedTests: 10, numFailedTests: 2 }, 'test');
    expect(lastLine).toBe('10 passed, 2 failed');
    expect(status).toBe(1);
  });

  test('counts each other check that fails as one failure, and goes on', () => {
    const { lastLine, stdout, status } = runCi(GOOD, 'check build');
    expect(stdout).toContain('== build of dist/ FAILED');
    expect(lastLine).toBe('12 passed, 2 failed, 4 skipped');
    expect(status).toBe(1);
    expect(runCi({ ...GOOD, numFailedTests: 1 }, 'test check').lastLine).toBe(
      '12 passed, 2 failed, 4 skipped',
    );
  });

  test('fails when tests could not even be started, or the report is broken', () => {
    expect(runCi('', 'ci test')).toMatchObject({ lastLine: '0 passed, 2 failed', status: 1 });
    expect(runCi('{"numPassed', '')).toMatchObject({ lastLine: '0 passed, 1 failed', status: 1 });
    // A test file that cannot be loaded holds no test that failed.
    expect(runCi(GOOD, 'test')).toMatchObject({ lastLine: '12 passed, 1 failed, 4 skipped', status: 1 });
  });
});

describe('the system packages', () => {
  const script = path.join(ROOT, 'scripts/system-packages.sh');

  /** Runs the script where only a shell and what is named can be found, as somebody who may be root. */
  function install(purpose: string, tools: Readonly<Record<string, string>>) {
    const bin = mkdtempSync(path.join(folder, 'bin-'));
    for (const [name, body] of Object.entries(tools)) {
      writeFileSync(path.join(bin, name), `#!/bin/sh\n${body}\n`, { mode: 0o755 });
    }
    // Without the folders it adds for system tools: they hold the real ones.
    const copy = path.join(bin, 'script.sh');
    writeFileSync(copy, readFileSync(script, 'utf8').replace(/^PATH=.*$/m, ''));
    return spawnSync('/bin/sh', [copy, purpose], { env: { PATH: bin }, encoding: 'utf8' });
  }

  const id = (uid: number) => ({
    id: `echo ${uid}`,
    mktemp: 'echo /dev/null',
    rm: ':',
    tail: ':',
    modprobe: ':',
  });

  test('are named where they cannot be installed; tests may go on, the demo may not', () => {
    const tests = install('--test', {});
    expect(tests.stderr).toMatch(/missing for the tests: .*mmdebstrap.*7zip/);
    expect(tests.stderr).toContain('package manager of this system');
    expect(tests.status).toBe(0);
    const demo = install('--run', { 'apt-get': 'exit 0', ...id(1000) });
    expect(demo.stderr).toContain('as root: apt-get install ');
    expect(demo.stderr).not.toContain('7zip');
    expect(demo.status).toBe(5);
  });

  test('that apt cannot find cost a word, not the tests', () => {
    const { stdout, stderr, status } = install('--test', { 'apt-get': 'exit 100', ...id(0) });
    expect(stdout).toContain('hyperfile: installing for the tests: ');
    expect(stderr).toContain('cannot install mmdebstrap');
    expect(status).toBe(0);
  });

  test('need a purpose', () => {
    expect(install('--everything', {}).status).toBe(2);
    expect(() => execFileSync('/bin/sh', ['-n', script])).not.toThrow();
  });
});
