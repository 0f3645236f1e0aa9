import { globSync } from 'node:fs';
import path from 'node:path';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Rooms of test/ whose files share the processes they run in: to start one and to load what it imports takes longer than
 * most of these files, and they leave nothing in it that another could meet.
 */
const SHARING = new Set(['bytes', 'language', 'oci', 'plan', 'registry']);

const files = globSync('test/**/*.test.ts', { cwd: import.meta.dirname }).map((file) =>
  file.replaceAll('\\', '/'),
);
const together = files.filter((file) => SHARING.has(file.split('/')[1] ?? ''));
const alone = files.filter((file) => !together.includes(file));

/** What takes minutes comes first: no worker is to be idle while another ends the last file. */
class LongFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const isLong = ({ moduleId }: TestSpecification): boolean =>
      /(killed[^/]*|leftovers|install|samples|judges|model)\.test\.ts$/.test(moduleId);
    return [...sorted.filter(isLong), ...sorted.filter((file) => !isLong(file))];
  }
}

export default defineConfig({
  test: {
    sequence: { sequencer: LongFirst },
    projects: [
      { extends: true, test: { name: 'alone', include: alone } },
      { extends: true, test: { name: 'together', include: together, isolate: false } },
    ],
    // Tests mount disks and start processes, on machines of any speed: this ends only what hangs.
    testTimeout: 900_000,
    hookTimeout: 900_000,
    pool: 'forks',
    maxWorkers: 2,
    env: {
      // No test asks a registry that it has not started itself.
      HYPERFILE_DEFAULT_REGISTRY: '127.0.0.1:1',
      // A cache is not given up on because the machine is slow; tests of that set their own limit.
      HYPERFILE_CACHE_TIMEOUT: '10m',
      // Tests start the command hundreds of times, and programs from their sources: Node compiles them once.
      NODE_COMPILE_CACHE: path.resolve(import.meta.dirname, 'node_modules/.cache/compiled'),
    },
    // .ci/run counts from the report.
    reporters: process.env.TEST_REPORT
      ? ['default', ['json', { outputFile: process.env.TEST_REPORT }]]
      : ['default'],
  },
});
