/**
 * Puts a layer's file together from its blobs. The head comes first: its block table, checked against what was announced
 * like all that comes from elsewhere, says where the content of the windows goes. Zeros are left out of the file as holes.
 */
import { open, type FileHandle } from 'node:fs/promises';
import { diskFullAt } from '../base/atomic-file.ts';
import { HyperfileError, isHyperfileError, systemCode } from '../base/error.ts';
import { removeFile } from '../base/patience.ts';
import type { FileExtent, LayerBlob, LayerForm } from '../oci/layer-form.ts';
import { checkForm } from './form.ts';
import { WINDOW_BYTES } from './parts.ts';
import { placeWindows, type WindowPlaces } from './place-windows.ts';
import { writeContent, type WriteBlobOptions } from './write-content.ts';

export class LayerWriter {
  readonly #path: string;
  readonly #form: LayerForm;
  readonly #windowBytes: number;
  readonly #file: FileHandle;
  /** Blobs of which bytes were written, whole or not. */
  readonly #begun = new Set<LayerBlob>();
  readonly #done = new Set<LayerBlob>();
  /** Where the windows go, once the head is there. */
  #places: Promise<WindowPlaces> | undefined;
  #isAbandoned = false;

  private constructor(path: string, form: LayerForm, windowBytes: number, file: FileHandle) {
    this.#path = path;
    this.#form = form;
    this.#windowBytes = windowBytes;
    this.#file = file;
  }

  /**
   * Makes the layer's file, in which nothing is written yet.
   *
   * @param options `windowBytes` is for tests
   * @throws HyperfileError BLOB_FORM_INVALID, DISK_EXISTS, DISK_FULL
   */
  static async create(
    targetPath: string,
    form: LayerForm,
    { windowBytes = WINDOW_BYTES }: { readonly windowBytes?: number } = {},
  ): Promise<LayerWriter> {
    checkForm(form, windowBytes);
    const file = await createFile(targetPath);
    const writer = new LayerWriter(targetPath, form, windowBytes, file);
    try {
      await file.truncate(form.sizeBytes);
      return writer;
    } catch (error) {
      await writer.abandon();
      // The host's file system may not hold files that long.
      throw systemCode(error) === 'EFBIG'
        ? new HyperfileError('DISK_FULL', { data: { path: targetPath }, cause: error })
        : diskFullAt(targetPath, error);
    }
  }

  /**
   * Writes one blob of the form as its bytes arrive. Windows may be written side by side and in any order, once the
   * writing of the head has begun. A blob that failed may be written again.
   *
   * @throws HyperfileError as {@link writeContent}; BLOB_NOT_VHDX and BLOB_PLACEMENT for the head, and then for windows that
   *   wait for it; DISK_FULL
   */
  async write(
    blob: LayerBlob,
    bytes: AsyncIterable<Uint8Array>,
    options: WriteBlobOptions = {},
  ): Promise<void> {
    const own = this.#form.blobs.find(
      ({ kind, windowIndex }) => kind === blob.kind && windowIndex === blob.windowIndex,
    );
    if (own === undefined) throw new Error('a blob of another layer');
    if (own.kind === 'window') return this.#writeWindow(own, bytes, options);
    if (own.kind === 'whole')
      return this.#writeContent(own, [{ fileOffset: 0, length: own.contentBytes }], bytes, options);
    this.#places = this.#writeHead(own, bytes, options);
    await this.#places;
  }

  async #writeHead(
    head: LayerBlob,
    bytes: AsyncIterable<Uint8Array>,
    options: WriteBlobOptions,
  ): Promise<WindowPlaces> {
    await this.#writeContent(head, this.#form.headExtents ?? [], bytes, options);
    return placeWindows(this.#path, this.#form, this.#windowBytes);
  }

  async #writeWindow(
    window: LayerBlob,
    bytes: AsyncIterable<Uint8Array>,
    options: WriteBlobOptions,
  ): Promise<void> {
    if (this.#places === undefined) throw new Error('the head of a layer must be written first');
    const extents = (await this.#places).get(window.windowIndex ?? -1);
    if (extents === undefined) throw new Error('a window without a place passed the checks');
    await this.#writeContent(window, extents, bytes, options);
  }

  async #writeContent(
    blob: LayerBlob,
    extents: readonly FileExtent[],
    bytes: AsyncIterable<Uint8Array>,
    options: WriteBlobOptions,
  ): Promise<void> {
    // What an attempt before this one wrote may lie where now zeros belong.
    const isFresh = !this.#begun.has(blob);
    this.#begun.add(blob);
    const places = { path: this.#path, extents, isFresh };
    try {
      await writeContent({ blob, places }, this.#untilAbandoned(bytes), options);
    } catch (error) {
      if (this.#isAbandoned && !isHyperfileError(error)) throw new HyperfileError('INTERRUPTED');
      throw diskFullAt(this.#path, error);
    }
    this.#done.add(blob);
  }

  async *#untilAbandoned(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of bytes) {
      if (this.#isAbandoned) throw new HyperfileError('INTERRUPTED');
      yield piece;
    }
    if (this.#isAbandoned) throw new HyperfileError('INTERRUPTED');
  }

  /** Closes the file, to which every blob must have been written. Nothing is flushed to the storage. */
  async finish(): Promise<void> {
    const missing = this.#form.blobs.filter((blob) => !this.#done.has(blob));
    if (missing.length > 0) throw new Error(`${missing.length} blobs of a layer were not written`);
    await this.#file.close();
  }

  /** Closes and removes the file; what is being written fails with INTERRUPTED. May be called at any time but after {@link finish}. */
  async abandon(): Promise<void> {
    if (this.#isAbandoned) return;
    this.#isAbandoned = true;
    await this.#file.close();
    removeFile(this.#path);
  }
}

async function createFile(path: string): Promise<FileHandle> {
  try {
    return await open(path, 'wx');
  } catch (error) {
    if (systemCode(error) === 'EEXIST')
      throw new HyperfileError('DISK_EXISTS', { data: { path }, cause: error });
    throw diskFullAt(path, error);
  }
}
