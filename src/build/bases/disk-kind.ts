/** What a file given as a base or to import is, by its content; its name only decides when the content does not. */
import { open } from 'node:fs/promises';
import type { DiskFormat } from '../../convert/format-names.ts';
import { signatureOf } from '../../convert/formats.ts';
import { detectArchive, type ArchiveKind } from '../../fs/archive.ts';

export type FileKind =
  | { readonly kind: 'disk'; readonly format: DiskFormat }
  | { readonly kind: 'archive'; readonly archive: ArchiveKind };

const HEAD_BYTES = 4096;

/** A file that is nothing known counts as a raw disk: whether it holds a system is seen when it is opened. */
export async function fileKind(path: string): Promise<FileKind> {
  const file = await open(path, 'r');
  try {
    const format = await signatureOf(file);
    if (format !== undefined) return { kind: 'disk', format };
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const archive = detectArchive(buffer.subarray(0, bytesRead));
    return archive === undefined ? { kind: 'disk', format: 'raw' } : { kind: 'archive', archive };
  } finally {
    await file.close();
  }
}
