/** File steps on a mounted disk whose failures may have a cause that the file system does not know. */
import type { GuestFiles } from '../../fs/guest-files.ts';

/** Gives the reason behind an error: the error itself, when there is no better one. */
export type FindReason = (error: unknown) => Promise<unknown>;

/** The kernel only says "input/output error" when a disk's server died or the host's own disk is full. */
export function watchedFiles(files: GuestFiles, findReason: FindReason): GuestFiles {
  const watched = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw await findReason(error);
    }
  };
  return {
    readFile: (path) => watched(files.readFile(path)),
    makeDirectory: (path, owner) => watched(files.makeDirectory(path, owner)),
    copy: (request) => watched(files.copy(request)),
    writeFile: (request) => watched(files.writeFile(request)),
    extract: (tar, request) => watched(files.extract(tar, request)),
    resolveOwner: (spec) => watched(files.resolveOwner(spec)),
    asSource: (request) => watched(files.asSource(request)),
  };
}
