/** What becomes of tests whose needs are missing, and that hosts have what they promise. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { MACHINE_NEEDS } from '../e2e/support/registry-machine.ts';
import { NTFS_NEEDS } from '../fs/windows/ntfs-volume.ts';
import { DEVICE_NEEDS } from '../fuse/support/host.ts';
import { has, promised } from './needs.ts';
import { LINUX_GUEST_NEEDS } from './powershell/standin/linux-guest.ts';
import { MEDIUM_NEEDS } from './powershell/standin/windows-medium.ts';

const ROOT = path.resolve(import.meta.dirname, '../..');
const VITEST = path.join(ROOT, 'node_modules/vitest/vitest.mjs');
const folder = mkdtempSync(path.join(os.tmpdir(), 'hyperfile-needs-'));
afterAll(() => rmSync(folder, { recursive: true }));

const MISSING = '/nothing/has/this';
const SUITE = `
import { expect, test } from ${JSON.stringify(path.join(ROOT, 'node_modules/vitest/dist/index.js'))};
import { describeWith, testWith } from ${JSON.stringify(path.join(import.meta.dirname, 'needs.ts'))};
describeWith(['/'], 'there', () => test('runs', () => expect(1).toBe(1)));
describeWith(['/', '${MISSING}'], 'a group', () => test('never runs', () => expect(1).toBe(2)));
testWith(['${MISSING}'], 'a single one', () => expect(1).toBe(2));
`;

interface Outcome {
  readonly status: number;
  /** By full title: `passed`, `skipped` or the message of a failure. */
  readonly tests: Readonly<Record<string, string>>;
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

/** Runs {@link SUITE} in a vitest of its own. */
async function outcome(required: string): Promise<Outcome> {
  writeFileSync(path.join(folder, 'suite.test.ts'), SUITE);
  const report = path.join(folder, 'report.json');
  const words = [VITEST, 'run', '--root', folder, '--reporter=json', '--outputFile', report];
  const env = { ...process.env, HYPERFILE_TEST_REQUIRE: required };
  const status = await new Promise<number>((resolve) => {
    execFile(process.execPath, words, { env, cwd: folder }, (error) =>
      resolve(error ? Number(error.code) : 0),
    );
  });
  const { testResults } = JSON.parse(readFileSync(report, 'utf8')) as Report;
  const tests = testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .map((one) => [one.fullName, one.failureMessages?.[0]?.split('\n')[0] ?? one.status]);
  return { status, tests: Object.fromEntries(tests) as Outcome['tests'] };
}

test('tests whose needs are missing are skipped by name', async () => {
  expect(await outcome('')).toEqual({
    status: 0,
    tests: {
      'there runs': 'passed',
      [`a group [skipped: needs ${MISSING}] never runs`]: 'skipped',
      [`a single one [skipped: needs ${MISSING}]`]: 'skipped',
    },
  });
});

test('where the host promises what is missing, they fail and name it', async () => {
  const failure = `Error: missing here: ${MISSING}, which HYPERFILE_TEST_REQUIRE promises: install it or take it out`;
  expect(await outcome(`/, ${MISSING},`)).toEqual({
    status: 1,
    tests: { 'there runs': 'passed', 'a group has what it needs': failure, 'a single one': failure },
  });
});

test('this host has all that it promises', () => {
  expect(promised().filter((need) => !has(need))).toEqual([]);
});

test('the Linux job of the workflow promises all that builds on the stand-in of Hyper-V and on mounted disks need', () => {
  const workflow = readFileSync(path.join(ROOT, '.github/workflows/ci.yml'), 'utf8');
  const [, list = ''] = /HYPERFILE_TEST_REQUIRE: >-\n((?: {12}.*\n)+)/.exec(workflow) ?? [];
  const names = list.split(/[,\s]+/);
  const needed = [MEDIUM_NEEDS, LINUX_GUEST_NEEDS, MACHINE_NEEDS, NTFS_NEEDS, DEVICE_NEEDS].flat();
  expect([...new Set(needed)].filter((need) => !names.includes(need))).toEqual([]);
});
