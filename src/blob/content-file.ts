/** Writes the content of a blob where it belongs in a layer's file. */
import { closeSync, openSync, writeSync } from 'node:fs';
import type { FileExtent } from '../oci/layer-form.ts';
import { ContentMap } from './content-map.ts';
import { dataRuns } from './data-runs.ts';

export interface ContentPlaces {
  /** Of the layer's file, which is there. */
  readonly path: string;
  readonly extents: readonly FileExtent[];
  /** Nothing was ever written to these extents: zeros stay holes. */
  readonly isFresh: boolean;
}

export class ContentFile {
  readonly #fd: number;
  readonly #map: ContentMap;
  readonly #isFresh: boolean;

  constructor({ path, extents, isFresh }: ContentPlaces) {
    this.#fd = openSync(path, 'r+');
    this.#map = new ContentMap(extents);
    this.#isFresh = isFresh;
  }

  /** Writes the next bytes of content. Throws the system's errors. */
  write(content: Buffer): void {
    let at = 0;
    for (const { fileOffset, length } of this.#map.take(content.length)) {
      this.#put(content.subarray(at, at + length), fileOffset);
      at += length;
    }
  }

  #put(content: Buffer, fileOffset: number): void {
    const runs = this.#isFresh ? dataRuns(content) : [{ start: 0, end: content.length }];
    for (const { start, end } of runs)
      for (let at = start; at < end;) at += writeSync(this.#fd, content, at, end - at, fileOffset + at);
  }

  close(): void {
    closeSync(this.#fd);
  }
}
