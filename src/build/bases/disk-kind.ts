/** What a file given as a base or to import is, by its content; its name only decides when the content does not. */
import { open, type FileHandle } from 'node:fs/promises';
import { detectArchive, type ArchiveKind } from '../../fs/archive.ts';

export type FileKind =
  | { readonly kind: 'disk'; readonly format: 'vhdx' | 'vhd' | 'qcow2' | 'raw' }
  | { readonly kind: 'archive'; readonly archive: ArchiveKind };

const HEAD_BYTES = 4096;
/** The footer of a VHD is its last sector; a dynamic one has a copy in front. */
const VHD_FOOTER_BYTES = 512;

/** A file that is nothing known counts as a raw disk: whether it holds a system is seen when it is opened. */
export async function fileKind(path: string): Promise<FileKind> {
  const file = await open(path, 'r');
  try {
    const head = await readPart(file, 0, HEAD_BYTES);
    if (startsWith(head, 'vhdxfile')) return { kind: 'disk', format: 'vhdx' };
    if (startsWith(head, 'QFI\u00fb')) return { kind: 'disk', format: 'qcow2' };
    const { size } = await file.stat();
    const tail = await readPart(file, Math.max(0, size - VHD_FOOTER_BYTES), VHD_FOOTER_BYTES);
    if (startsWith(head, 'conectix') || startsWith(tail, 'conectix')) return { kind: 'disk', format: 'vhd' };
    const archive = detectArchive(head);
    return archive === undefined ? { kind: 'disk', format: 'raw' } : { kind: 'archive', archive };
  } finally {
    await file.close();
  }
}

async function readPart(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
  return buffer.subarray(0, bytesRead);
}

function startsWith(bytes: Buffer, signature: string): boolean {
  return bytes.subarray(0, signature.length).equals(Buffer.from(signature, 'latin1'));
}
