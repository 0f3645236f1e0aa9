/** File steps whose guest is only made ready when the first of them comes. */
import type { GuestFiles } from '../../fs/guest-files.ts';
import type { SourceTree } from '../../fs/source-tree.ts';

/**
 * @param ready mounts the disk, or boots the guest
 * @param asSource what others may copy from; only of a guest that is ready already
 */
export function lazyFiles(ready: () => Promise<GuestFiles>, asSource: () => SourceTree): GuestFiles {
  return {
    readFile: async (path) => (await ready()).readFile(path),
    makeDirectory: async (path, owner) => (await ready()).makeDirectory(path, owner),
    copy: async (request) => (await ready()).copy(request),
    writeFile: async (request) => (await ready()).writeFile(request),
    extract: async (tar, request) => (await ready()).extract(tar, request),
    resolveOwner: async (spec) => (await ready()).resolveOwner(spec),
    asSource,
  };
}
