/** Folders of a test, gone after it. */
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach } from 'vitest';
import type { ErrorCode } from '../../src/base/codes/index.ts';
import { HyperfileError } from '../../src/base/error.ts';

const made: string[] = [];

afterEach(() => {
  for (const folder of made.splice(0)) rmSync(folder, { recursive: true, force: true });
});

export function scratchFolder(): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'hyperfile-fs-')));
  made.push(folder);
  return folder;
}

/** Names ending in `/` are directories, values `-> x` symbolic links, other values the content of files. */
export function plant(root: string, files: Readonly<Record<string, string>>): string {
  for (const [name, content] of Object.entries(files)) {
    const target = path.join(root, name);
    mkdirSync(name.endsWith('/') ? target : path.dirname(target), { recursive: true });
    if (content.startsWith('-> ')) symlinkSync(content.slice(3), target);
    else if (!name.endsWith('/')) writeFileSync(target, content);
  }
  return root;
}

/** The code of the HyperfileError that `body` ends with; undefined when it succeeds. */
export async function codeOf(body: () => unknown): Promise<ErrorCode | undefined> {
  try {
    await body();
    return undefined;
  } catch (error) {
    if (error instanceof HyperfileError) return error.code;
    throw error;
  }
}
