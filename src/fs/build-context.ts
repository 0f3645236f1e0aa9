/** The folder whose files COPY and ADD see. */
import { realpath, stat } from 'node:fs/promises';
import { HyperfileError } from '../base/error.ts';
import { loadIgnore } from './ignore-file.ts';
import type { SourceTree } from './source-tree.ts';

/**
 * Opens a build context with the ignore file that applies to it.
 *
 * @throws HyperfileError FS_CONTEXT_MISSING, FS_IGNORE_PATTERN
 */
export async function openContext(contextPath: string, recipePath: string | undefined): Promise<SourceTree> {
  const rootPath = await realpath(contextPath).catch(() => undefined);
  if (rootPath === undefined || !(await stat(rootPath)).isDirectory()) {
    throw new HyperfileError('FS_CONTEXT_MISSING', { data: { path: contextPath } });
  }
  const ignore = await loadIgnore(rootPath, recipePath);
  return {
    label: 'the build context',
    rootPath,
    keepOwners: false,
    ...(ignore && {
      ignores: (relativePath: string, isDirectory: boolean) => ignore.ignores(relativePath, isDirectory),
      reincludesBelow: (relativePath: string) => ignore.reincludesBelow(relativePath),
    }),
  };
}
