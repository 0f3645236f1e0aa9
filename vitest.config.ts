import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Tests mount disks and start processes: give them time, never a race against it.
    testTimeout: 120_000,
    hookTimeout: 300_000,
    pool: 'forks',
    maxWorkers: 2,
    // No test asks a registry that it has not started itself.
    env: { HYPERFILE_DEFAULT_REGISTRY: '127.0.0.1:1' },
    // .ci/run counts from the report.
    reporters: process.env.TEST_REPORT
      ? ['default', ['json', { outputFile: process.env.TEST_REPORT }]]
      : ['default'],
  },
});
