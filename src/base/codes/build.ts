import { errorTable } from '../error-entry.ts';

/** The error codes of running a build. */
export const buildCodes = errorTable({
  BUILD_STEP_FAILED: {
    exit: 1,
    message: 'the command ended with status {status}: {command}',
    why: 'A RUN instruction started a command that reported failure. Its layer was thrown away; the steps before it are in the cache.',
    todo: 'Read the last lines it printed above, mend the recipe, and build again: it goes on from the last good step.',
  },
  BUILD_NO_RECIPE: {
    exit: 2,
    message: 'no recipe at {path}',
    why: 'The context holds neither a Hyperfile nor a Dockerfile, or the file that -f names does not exist.',
    todo: 'Name the recipe with -f FILE, or write a Hyperfile in the context.',
  },
  BUILD_NO_CONTEXT: {
    exit: 2,
    message: 'the build context {path} is not a folder that can be read',
    why: 'The PATH argument of build names the folder whose files COPY and ADD see.',
    todo: 'Give the path of an existing folder, for example `.`.',
  },
  BUILD_NO_IMAGE: {
    exit: 3,
    message: 'there is no image "{name}" in the store',
    why: 'FROM or COPY --from names an image that was not built or imported here. A disk file needs `./` in front.',
    todo: 'Build or import it first: `hyperfile images` lists what the store has.',
  },
  BUILD_BASE_MISSING: {
    exit: 3,
    message: 'the base {path} does not exist',
    why: 'FROM names a disk, an archive or a folder; relative paths start at the folder of the build context.',
    todo: 'Mend the path, or make what it names.',
  },
  BUILD_DOWNLOAD_FAILED: {
    exit: 1,
    message: 'cannot download {url}: {reason}',
    why: 'ADD names a URL that did not answer with the file.',
    todo: 'Check the address and the network of this host.',
  },
  BUILD_CHECKSUM: {
    exit: 1,
    message: '{url} has the digest {actual}, the recipe asks for {expected}',
    why: 'ADD --checksum pins the content of a download, and what came is something else.',
    todo: 'Do not use the file before you know why it changed; then mend the checksum.',
  },
  BUILD_BAD_CHECKSUM: {
    exit: 3,
    message: '"{checksum}" is not a checksum: write sha256: and 64 hexadecimal digits',
    why: 'ADD --checksum takes the SHA-256 digest of the downloaded file.',
    todo: 'Compute it with `sha256sum FILE`.',
  },
  BUILD_BOOTSTRAP_FAILED: {
    exit: 1,
    message: 'cannot bootstrap {suite}: {reason}',
    why: 'mmdebstrap or debootstrap could not make the base: the suite may not exist at the mirror, or the mirror is out of reach.',
    todo: 'Check the suite and the mirror; `?mirror=URL` or FROM --mirror sets another one.',
  },
  BUILD_CONTAINER_CONFIG: {
    exit: 4,
    message: 'the config of the container image {name} is wrong: {reason}',
    why: 'A container image has a JSON config with its platform, its command and the digests of its layers; this one does not keep to the form of OCI and Docker.',
    todo: 'Ask whoever made the image, or take another one.',
  },
  BUILD_CONTAINER_PLATFORM: {
    exit: 3,
    message: '{name} is a container image for {platform}; only those for Linux can become a base',
    why: 'The files of a container image are put onto a disk with a Linux root file system.',
    todo: 'Take an image for Linux, or a disk of a Windows guest: FROM ./golden.vhdx.',
  },
  BUILD_CONTAINER_LAYER: {
    exit: 4,
    message: '{layer} cannot be unpacked: {reason}',
    why: 'A layer of a container image is a tar, plain or compressed with gzip or zstd, that lies beside the image.',
    todo: 'Take another image, or unpack this one where its layers can be had and import the result.',
  },
  BUILD_CONTAINER_TOO_LARGE: {
    exit: 4,
    message: '{layer} unpacks to more than {limitBytes} bytes, the size of the disk',
    why: 'What a layer unpacks to cannot be known before; it is stopped where no disk could hold it.',
    todo: 'If you trust the image, build with a larger `--disk-size`.',
  },
  BUILD_CONTAINER_DIFF_ID: {
    exit: 4,
    message: "{layer} unpacks to {found}, the image's config says {expected}",
    why: 'The config of a container image names the digest of every unpacked layer, and what came is something else.',
    todo: 'Do not use the image before you know why; ask whoever made it.',
  },
  BUILD_PUSH_NAME: {
    exit: 2,
    message: '--push needs a name to push to',
    why: 'An image is pushed under the names that -t gives it: each says the registry, the repository and the tag.',
    todo: 'Add -t HOST/NAME:TAG.',
  },
});
