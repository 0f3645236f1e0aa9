/** A descriptor of a log entry, read where it lies: a log may hold millions (MS-VHDX sections 2.3.1.2 and 2.3.1.3). */
import {
  LOG_DATA_DESCRIPTOR_SIGNATURE,
  LOG_DESCRIPTOR_AT,
  LOG_SECTOR_BYTES,
  LOG_ZERO_DESCRIPTOR_SIGNATURE,
} from '../format.ts';

const PAGE_SIGNATURE = numberOf(LOG_DATA_DESCRIPTOR_SIGNATURE);
const ZEROS_SIGNATURE = numberOf(LOG_ZERO_DESCRIPTOR_SIGNATURE);

/** Stands on one of the descriptors in a sector. */
export class Descriptor {
  readonly #sector: Uint8Array;
  readonly #view: DataView;
  /** Where in the sector it stands. */
  at = 0;

  constructor(sector: Uint8Array) {
    this.#sector = sector;
    this.#view = new DataView(sector.buffer, sector.byteOffset, LOG_SECTOR_BYTES);
  }

  get isPage(): boolean {
    return this.#view.getUint32(this.at, true) === PAGE_SIGNATURE;
  }

  get isZeros(): boolean {
    return this.#view.getUint32(this.at, true) === ZEROS_SIGNATURE;
  }

  get sequenceNumber(): bigint {
    return this.#view.getBigUint64(this.at + LOG_DESCRIPTOR_AT.sequenceNumber, true);
  }

  get fileOffset(): number {
    return Number(this.#view.getBigUint64(this.at + LOG_DESCRIPTOR_AT.fileOffset, true));
  }

  /** How many bytes of the file it changes. */
  get length(): number {
    if (this.isPage) return LOG_SECTOR_BYTES;
    return Number(this.#view.getBigUint64(this.at + LOG_DESCRIPTOR_AT.length, true));
  }

  /** The page that it describes: what its data sector holds, between the ends that are in the descriptor itself. */
  page(dataSector: Uint8Array): Uint8Array {
    const page = new Uint8Array(dataSector);
    const [leading, trailing] = [this.at + LOG_DESCRIPTOR_AT.leading, this.at + LOG_DESCRIPTOR_AT.trailing];
    page.set(this.#sector.subarray(leading, leading + 8));
    page.set(this.#sector.subarray(trailing, trailing + 4), LOG_SECTOR_BYTES - 4);
    return page;
  }
}

/** Four letters as the number that they are when read as one. */
function numberOf(signature: string): number {
  return Buffer.from(signature, 'latin1').readUInt32LE();
}
