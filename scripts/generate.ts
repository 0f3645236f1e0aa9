/**
 * Writes what is generated and kept in the tree: docs/errors/ (a page for each code, and an index) and docs/cli.md.
 * With --check it writes nothing and fails when a file is not current.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cliPage } from './pages/cli.ts';
import { errorPages } from './pages/errors.ts';

const root = path.resolve(import.meta.dirname, '..');
const isCheck = process.argv.includes('--check');

/** Text by path from the root. */
const pages = new Map([...errorPages(), ['docs/cli.md', await cliPage()] as const]);
const stale = readdirSync(path.join(root, 'docs/errors'), 'utf8')
  .map((name) => `docs/errors/${name}`)
  .filter((file) => !pages.has(file));
const changed = [...pages].filter(([file, text]) => read(file) !== text).map(([file]) => file);

if (isCheck && stale.length + changed.length > 0) {
  console.error(`not current, run 'npm run gen':\n  ${[...stale, ...changed].join('\n  ')}`);
  process.exitCode = 1;
} else if (!isCheck) {
  for (const file of stale) rmSync(path.join(root, file));
  for (const file of changed) write(file, pages.get(file) ?? '');
  console.log(`${pages.size} pages, ${changed.length} written, ${stale.length} removed`);
}

function read(file: string): string | undefined {
  const full = path.join(root, file);
  return existsSync(full) ? readFileSync(full, 'utf8') : undefined;
}

function write(file: string, text: string): void {
  const full = path.join(root, file);
  mkdirSync(path.dirname(full), { recursive: true });
  writeFileSync(full, text);
}
