/**
 * A tar archive once more, as any tar of a guest reads it: of every dialect, checked, with owners as they shall be, holes
 * filled, and no name that leads out of where it is unpacked.
 */
import type { Readable } from 'node:stream';
import { HyperfileError } from '../../../base/error.ts';
import { encodeTarHeader, tarPadding, TAR_END } from '../../../bytes/encode-tar.ts';
import type { ExtractRequest } from '../../../fs/guest-files.ts';
import type { SparsePiece, TarEntry } from '../../../fs/tar-entry.ts';
import { TarReader, type TarHandler } from '../../../fs/tar-reader.ts';

const ZEROS = Buffer.alloc(65536);

/** @throws HyperfileError FS_ARCHIVE_CORRUPT, FS_ARCHIVE_CUT_SHORT, FS_ARCHIVE_OUTSIDE */
export async function* repack(
  tar: Readable,
  request: ExtractRequest,
): AsyncGenerator<Buffer, void, undefined> {
  const handler = new Repacker(request);
  const reader = new TarReader(request.archiveName, handler);
  for await (const chunk of tar) {
    reader.push(chunk as Buffer);
    yield* handler.written.splice(0);
  }
  reader.end();
  yield* handler.written.splice(0);
  yield TAR_END;
}

class Repacker implements TarHandler {
  readonly written: Buffer[] = [];
  readonly #request: ExtractRequest;
  #sizeBytes = 0;
  #position = 0;
  #pieces: SparsePiece[] | undefined;

  constructor(request: ExtractRequest) {
    this.#request = request;
  }

  entry(entry: TarEntry): void {
    const { owner } = this.#request;
    const name = this.#nameOf(entry.name, entry.name);
    const linkName = entry.kind === 'link' ? this.#nameOf(entry.linkName, entry.name) : entry.linkName;
    const isFile = entry.kind === 'file';
    this.#sizeBytes = isFile ? entry.sizeBytes : 0;
    this.#position = 0;
    this.#pieces = entry.pieces && [...entry.pieces];
    const { pieces: _, ...member } = entry;
    this.written.push(
      encodeTarHeader({
        ...member,
        ...owner,
        name: (name || '.') + (entry.kind === 'directory' ? '/' : ''),
        linkName,
        sizeBytes: this.#sizeBytes,
      }),
    );
  }

  data(piece: Buffer): void {
    for (let rest = piece; rest.length > 0;) {
      const [offset, length] = this.#pieces?.[0] ?? [0, this.#sizeBytes];
      if (this.#position < offset) this.#fill(offset);
      const part = Buffer.from(rest.subarray(0, offset + length - this.#position));
      if (part.length === 0 && this.#pieces?.shift() === undefined) return;
      this.written.push(part);
      this.#position += part.length;
      rest = rest.subarray(part.length);
    }
  }

  endEntry(): void {
    this.#fill(this.#sizeBytes);
    this.written.push(tarPadding(this.#sizeBytes));
  }

  #fill(end: number): void {
    for (; this.#position < end; this.#position += Math.min(ZEROS.length, end - this.#position))
      this.written.push(ZEROS.subarray(0, end - this.#position));
  }

  #nameOf(name: string, entry: string): string {
    const names = name.split('/').filter((part) => part !== '' && part !== '.');
    if (!names.includes('..')) return names.join('/');
    const { archiveName: archive } = this.#request;
    throw new HyperfileError('FS_ARCHIVE_OUTSIDE', { data: { archive, entry } });
  }
}
