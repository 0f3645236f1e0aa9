/**
 * The command as its users have it, bundled: it starts in a third of the time that its sources take. Built when a test
 * first wants it, and again when the sources have changed.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';

const ROOT = path.resolve(import.meta.dirname, '../..');
const BUILDER = path.join(ROOT, 'scripts/bundle.ts');
const CACHE = path.join(ROOT, 'node_modules/.cache');
const PREFIX = 'command-';

let built: string | undefined;

/** Absolute path of the launcher, for Node. */
export function builtCommand(): string {
  built ??= path.join(builtFolder(), 'hyperfile.cjs');
  return built;
}

function builtFolder(): string {
  const folder = path.join(CACHE, `${PREFIX}${stateOfSources()}`);
  if (existsSync(folder)) return folder;
  mkdirSync(CACHE, { recursive: true });
  const unfinished = mkdtempSync(path.join(CACHE, 'unfinished-'));
  execFileSync(process.execPath, [BUILDER, unfinished], { stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    renameSync(unfinished, folder);
  } catch (error) {
    // Another worker was faster.
    if (!existsSync(folder)) throw error;
    rmSync(unfinished, { recursive: true });
  }
  removeOthers(folder);
  return folder;
}

/** Of older sources. What a test that still runs has of one, it has open. */
function removeOthers(folder: string): void {
  const names = readdirSync(CACHE).filter((name) => name.startsWith(PREFIX));
  for (const name of names.filter((other) => path.join(CACHE, other) !== folder))
    rmSync(path.join(CACHE, name), { recursive: true, force: true });
}

function stateOfSources(): string {
  const state = createHash('sha256');
  const names = readdirSync(path.join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).sort();
  const others = [BUILDER, ...['package.json', 'package-lock.json'].map((name) => path.join(ROOT, name))];
  for (const file of [...names.map((name) => path.join(ROOT, 'src', name)), ...others]) {
    const { mtimeMs, size } = statSync(file);
    state.update(`${file} ${mtimeMs} ${size}\n`);
  }
  return state.digest('hex').slice(0, 16);
}
