/** File steps whose guest is only made ready when the first of them comes. */
import type { GuestFiles } from '../../fs/guest-files.ts';

/** @param ready mounts the disk, or boots the guest */
export function lazyFiles(ready: () => Promise<GuestFiles>): GuestFiles {
  return {
    readFile: async (path) => (await ready()).readFile(path),
    makeDirectory: async (path, owner) => (await ready()).makeDirectory(path, owner),
    copy: async (request) => (await ready()).copy(request),
    writeFile: async (request) => (await ready()).writeFile(request),
    extract: async (tar, request) => (await ready()).extract(tar, request),
    resolveOwner: async (spec) => (await ready()).resolveOwner(spec),
    asSource: async (request) => (await ready()).asSource(request),
  };
}
