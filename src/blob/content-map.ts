/** Where the content of a part lies in its file: finds the places of any range, for whoever goes from start to end. */
import type { FileExtent } from '../oci/layer-form.ts';

export class ContentMap {
  readonly #extents: readonly FileExtent[];
  #index = 0;
  /** How much of the extent is taken. */
  #taken = 0;

  constructor(extents: readonly FileExtent[]) {
    this.#extents = extents;
  }

  /** The places of the next `length` bytes of content. */
  take(length: number): FileExtent[] {
    const places: FileExtent[] = [];
    for (let left = length; left > 0;) {
      const extent = this.#extents[this.#index];
      if (extent === undefined) throw new Error('more content than extents for it');
      const count = Math.min(left, extent.length - this.#taken);
      places.push({ fileOffset: extent.fileOffset + this.#taken, length: count });
      left -= count;
      this.#taken += count;
      if (this.#taken < extent.length) continue;
      this.#index++;
      this.#taken = 0;
    }
    return places;
  }
}
