/** Builds samples/web for real, shows what that made, and builds it again to show the cache. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '..');

const LINES: readonly (readonly string[])[] = [
  ['build', '-t', 'web', 'samples/web'],
  ['history', 'web'],
  ['images'],
  ['build', '-t', 'web', 'samples/web'],
];

for (const args of LINES) {
  console.log(`\n$ hyperfile ${args.join(' ')}`);
  const { status } = spawnSync(process.execPath, [path.join(root, 'src/cli/main.ts'), ...args], {
    cwd: root,
    stdio: 'inherit',
  });
  if (status !== 0) {
    process.exitCode = status ?? 1;
    break;
  }
}
