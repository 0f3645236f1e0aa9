/** The folder whose files COPY and ADD see. */
import { realpath, stat } from 'node:fs/promises';
import { HyperfileError } from '../base/error.ts';
import { hostSystem } from '../base/host-platform.ts';
import { loadIgnore } from './ignore-file.ts';
import type { SourceTree } from './source-tree.ts';
import { WindowsReader } from './windows/windows-reader.ts';

const LABEL = 'the build context';

/**
 * Opens a build context with the ignore file that applies to it. On a Windows host its files are seen as Docker sees
 * them there: without modes, links with `/`; the same files have the same digest wherever they are.
 *
 * @throws HyperfileError FS_CONTEXT_MISSING, FS_IGNORE_PATTERN
 */
export async function openContext(
  contextPath: string,
  recipePath: string | undefined,
  platform: NodeJS.Platform = hostSystem(),
): Promise<SourceTree> {
  const rootPath = await realpath(contextPath).catch(() => undefined);
  if (rootPath === undefined || !(await stat(rootPath)).isDirectory()) {
    throw new HyperfileError('FS_CONTEXT_MISSING', { data: { path: contextPath } });
  }
  const ignore = await loadIgnore(rootPath, recipePath);
  return {
    label: LABEL,
    rootPath,
    keepOwners: false,
    ...(platform === 'win32' && { reader: new WindowsReader(rootPath, { label: LABEL, isGuest: false }) }),
    ...(ignore && {
      ignores: (relativePath: string, isDirectory: boolean) => ignore.ignores(relativePath, isDirectory),
      reincludesBelow: (relativePath: string) => ignore.reincludesBelow(relativePath),
    }),
  };
}
