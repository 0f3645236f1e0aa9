import path from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // Tests mount disks and start processes: give them time, never a race against it.
    testTimeout: 120_000,
    hookTimeout: 300_000,
    pool: 'forks',
    maxWorkers: 2,
    env: {
      // No test asks a registry that it has not started itself.
      HYPERFILE_DEFAULT_REGISTRY: '127.0.0.1:1',
      // Tests start the command hundreds of times from its sources: Node reads them once.
      NODE_COMPILE_CACHE: path.resolve(import.meta.dirname, 'node_modules/.cache/compiled'),
    },
    // .ci/run counts from the report.
    reporters: process.env.TEST_REPORT
      ? ['default', ['json', { outputFile: process.env.TEST_REPORT }]]
      : ['default'],
  },
});
