/** Tells archives of images from those of a root file system, by the names of what they hold. */
import { createReadStream } from 'node:fs';
import { HyperfileError } from '../../base/error.ts';
import { decompress, type ArchiveKind } from '../../fs/archive.ts';
import { PIECE_BYTES } from '../../fs/decompress.ts';
import type { TarEntry } from '../../fs/tar-entry.ts';
import { TarReader, type TarHandler } from '../../fs/tar-reader.ts';
import type { Refuse } from '../../oci/fields.ts';

export type ImageArchiveKind = 'docker-archive' | 'oci-archive';

/** An OCI layout (image-spec, image-layout.md), and what `docker save` writes: files and folders under digests. */
const IMAGE_NAME =
  /^(?:oci-layout|index\.json|manifest\.json|repositories|blobs(?:\/.*)?|[0-9a-f]{64}(?:\.json|\.tar|\/.*)?)?$/;

/** @throws HyperfileError FS_ARCHIVE_CORRUPT, FS_ARCHIVE_CUT_SHORT, OCI_ARCHIVE_INVALID, OCI_ACCESS */
export async function imageArchiveKind(
  file: string,
  compression: ArchiveKind,
): Promise<ImageArchiveKind | undefined> {
  if (!(await beginsLikeImage(file, compression))) return undefined;
  const refuse: Refuse = (reason) =>
    new HyperfileError('OCI_ARCHIVE_INVALID', { data: { name: file, reason } });
  const [{ openTar }, { readTarMembers }] = await Promise.all([
    import('../../oci/tar-file.ts'),
    import('../../oci/tar-members.ts'),
  ]);
  const tar = await openTar(file, refuse);
  try {
    const members = await readTarMembers(tar, refuse);
    if (members.find('manifest.json')) return 'docker-archive';
    return members.find('oci-layout') ? 'oci-archive' : undefined;
  } finally {
    await tar.close();
  }
}

/** The first entry that is no folder of an image decides: of a large root file system no more is read. */
async function beginsLikeImage(file: string, compression: ArchiveKind): Promise<boolean> {
  const first = new FirstName();
  const reader = new TarReader(file, first);
  const packed = createReadStream(file, { highWaterMark: PIECE_BYTES });
  for await (const piece of decompress(packed, compression, file)) {
    reader.push(piece as Buffer);
    if (first.isOfImage !== undefined) return first.isOfImage;
  }
  return false;
}

class FirstName implements TarHandler {
  isOfImage: boolean | undefined;

  entry({ name, kind }: TarEntry): void {
    const isKnown = IMAGE_NAME.test(name.replace(/^(?:\.?\/)+|\/$/g, ''));
    if (kind !== 'directory' || !isKnown) this.isOfImage ??= isKnown;
  }

  data(): void {
    // Names are enough.
  }

  endEntry(): void {
    // Names are enough.
  }
}
