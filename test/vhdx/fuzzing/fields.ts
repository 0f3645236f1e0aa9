/** Where the fields of a sound file's structures lie, found by following its own tables. */
import type { ReadAt } from '../naive-reader.ts';

export type Group =
  'identifier' | 'header' | 'region' | 'metadata' | 'item' | 'locator' | 'bat' | 'bitmap' | 'log';

export interface Field {
  readonly group: Group;
  readonly what: string;
  readonly at: number;
  readonly length: number;
  /** The same field in the other header or region table. */
  readonly twin?: number;
}

/** What is known of a file's layout. */
export interface Anatomy {
  readonly fields: readonly Field[];
  readonly bat: number;
  readonly metadata: number;
  readonly logOffset: number;
  readonly logLength: number;
  /** Everything in the ring that begins like an entry. */
  readonly logEntries: readonly { readonly at: number; readonly length: number }[];
}

const MIB = 1024 * 1024;
const PARTS: Readonly<
  Record<
    'header' | 'regionEntry' | 'metadataEntry' | 'locatorEntry' | 'logHeader' | 'descriptor',
    readonly [name: string, at: number, length: number][]
  >
> = {
  header: [
    ['signature', 0, 4],
    ['sequence number', 8, 8],
    ['FileWriteGuid', 16, 16],
    ['DataWriteGuid', 32, 16],
    ['LogGuid', 48, 16],
    ['LogVersion', 64, 2],
    ['Version', 66, 2],
    ['LogLength', 68, 4],
    ['LogOffset', 72, 8],
    ['reserved', 80, 16],
  ],
  regionEntry: [
    ['id', 0, 16],
    ['offset', 16, 8],
    ['length', 24, 4],
    ['required', 28, 4],
  ],
  metadataEntry: [
    ['id', 0, 16],
    ['offset', 16, 4],
    ['length', 20, 4],
    ['flags', 24, 4],
    ['reserved', 28, 4],
  ],
  locatorEntry: [
    ['key offset', 0, 4],
    ['value offset', 4, 4],
    ['key length', 8, 2],
    ['value length', 10, 2],
  ],
  logHeader: [
    ['signature', 0, 4],
    ['length', 8, 4],
    ['tail', 12, 4],
    ['sequence', 16, 8],
    ['count', 24, 4],
    ['reserved', 28, 4],
    ['LogGuid', 32, 16],
    ['flushed', 48, 8],
    ['last', 56, 8],
  ],
  descriptor: [
    ['signature', 0, 4],
    ['trailing', 4, 4],
    ['leading or length', 8, 8],
    ['file offset', 16, 8],
    ['sequence', 24, 8],
  ],
};

export function anatomyOf(read: ReadAt): Anatomy {
  return new Anatomist(read).all();
}

class Anatomist {
  readonly #read: ReadAt;
  readonly #fields: Field[] = [];
  readonly #logEntries: { at: number; length: number }[] = [];
  #bat = 0;
  #metadata = 0;
  #blockBytes = MIB;
  #diskBytes = 0;
  #sectorBytes = 512;

  constructor(read: ReadAt) {
    this.#read = read;
  }

  all(): Anatomy {
    this.#add('identifier', 'signature', 0, 8);
    this.#add('identifier', 'creator', 8, 16);
    this.#addParts('header', 'header 1', 0x10000, 'header', 0x20000);
    this.#addParts('header', 'header 2', 0x20000, 'header', 0x10000);
    this.#regions(0x30000, 0x40000);
    this.#regions(0x40000, 0x30000);
    this.#items();
    this.#blocks();
    const [logOffset, logLength] = [this.#u64(0x20048), this.#u32(0x20044)];
    this.#log(logOffset, logLength);
    return {
      fields: this.#fields,
      bat: this.#bat,
      metadata: this.#metadata,
      logOffset,
      logLength,
      logEntries: this.#logEntries,
    };
  }

  #u16(at: number): number {
    return this.#read(at, 2).readUInt16LE();
  }

  #u32(at: number): number {
    return this.#read(at, 4).readUInt32LE();
  }

  #u64(at: number): number {
    return Number(this.#read(at, 8).readBigUInt64LE());
  }

  #add(group: Group, what: string, at: number, length: number, twin?: number): void {
    this.#fields.push({ group, what, at, length, ...(twin !== undefined && { twin }) });
  }

  #addParts(group: Group, what: string, at: number, parts: keyof typeof PARTS, twin?: number): void {
    for (const [name, offset, length] of PARTS[parts]) {
      this.#add(
        group,
        `${what} ${name}`,
        at + offset,
        length,
        twin === undefined ? undefined : twin + offset,
      );
    }
  }

  /** One entry more than there are, here as elsewhere: counts are changed too. */
  #regions(table: number, twin: number): void {
    this.#add('region', 'signature', table, 4, twin);
    this.#add('region', 'count', table + 8, 4, twin + 8);
    this.#add('region', 'reserved', table + 12, 4, twin + 12);
    const count = this.#u32(table + 8);
    for (let i = 0; i <= count; i++) {
      const at = 16 + i * 32;
      this.#addParts('region', `region ${i}`, table + at, 'regionEntry', twin + at);
      const id = this.#u32(table + at);
      if (id === 0x2dc27766) this.#bat = this.#u64(table + at + 16);
      if (id === 0x8b7ca206) this.#metadata = this.#u64(table + at + 16);
    }
  }

  #items(): void {
    const table = this.#metadata;
    this.#add('metadata', 'signature', table, 8);
    this.#add('metadata', 'reserved', table + 8, 2);
    this.#add('metadata', 'count', table + 10, 2);
    this.#add('metadata', 'reserved', table + 12, 20);
    const count = this.#u16(table + 10);
    for (let i = 0; i <= count; i++) {
      const entry = table + 32 + i * 32;
      this.#addParts('metadata', `item ${i}`, entry, 'metadataEntry');
      const length = this.#u32(entry + 20);
      if (i < count && length > 0) this.#item(this.#u32(entry), table + this.#u32(entry + 16), length);
    }
  }

  #item(id: number, at: number, length: number): void {
    if (id === 0xa8d35f2d) return this.#locator(at, length);
    if (id === 0xcaa16737) this.#blockBytes = this.#u32(at);
    if (id === 0x2fa54224) this.#diskBytes = this.#u64(at);
    if (id === 0x8141bf1d) this.#sectorBytes = this.#u32(at);
    const what = `content of ${id.toString(16)}`;
    for (let part = 0; part < Math.min(16, length); part += 4) this.#add('item', what, at + part, 4);
    if (length === 8) this.#add('item', what, at, 8);
  }

  #locator(item: number, length: number): void {
    this.#add('locator', 'type', item, 16);
    this.#add('locator', 'reserved', item + 16, 2);
    this.#add('locator', 'count', item + 18, 2);
    const count = this.#u16(item + 18);
    for (let i = 0; i < count; i++)
      this.#addParts('locator', `entry ${i}`, item + 20 + i * 12, 'locatorEntry');
    for (let at = 20 + count * 12; at < length; at += 16) {
      this.#add('locator', 'text', item + at, Math.min(16, length - at));
    }
  }

  #blocks(): void {
    const ratio = (2 ** 23 * this.#sectorBytes) / this.#blockBytes;
    const blocks = Math.ceil(this.#diskBytes / this.#blockBytes);
    const chunks = Math.ceil(blocks / ratio);
    const entries = new Set(Array.from({ length: Math.min(blocks + 2, 12) }, (_, i) => i));
    for (let i = 0; i < chunks * (ratio + 1); i++) if (this.#u64(this.#bat + i * 8) !== 0) entries.add(i);
    for (let chunk = 0; chunk < chunks; chunk++) {
      const bitmap = (chunk + 1) * ratio + chunk;
      for (const entry of [bitmap - 1, bitmap, bitmap + 1, blocks + chunk]) entries.add(entry);
      this.#bits(chunk, this.#read(this.#bat + bitmap * 8, 8).readBigUInt64LE(), MIB / ratio);
    }
    for (const entry of entries) this.#add('bat', `entry ${entry}`, this.#bat + entry * 8, 8);
  }

  #bits(chunk: number, entry: bigint, bytesPerBlock: number): void {
    const place = Number((entry >> 20n) << 20n);
    if (place === 0) return;
    for (let block = 0; block < 8; block++) {
      const what = `bits of block ${block} in chunk ${chunk}`;
      this.#add('bitmap', what, place + block * bytesPerBlock, 8);
      this.#add('bitmap', what, place + (block + 1) * bytesPerBlock - 4, 4);
    }
  }

  #log(logOffset: number, logLength: number): void {
    for (let at = 0; at < logLength; at += 4096) {
      const place = logOffset + at;
      if (this.#read(place, 4).toString('latin1') !== 'loge') continue;
      const length = this.#u32(place + 8);
      this.#logEntries.push({ at, length });
      this.#addParts('log', `entry at ${at}`, place, 'logHeader');
      const count = this.#u32(place + 24);
      for (let i = 0; i <= count; i++) {
        this.#addParts('log', `descriptor ${i} at ${at}`, place + 64 + i * 32, 'descriptor');
      }
      for (let sector = 4096; sector < length; sector += 4096) {
        this.#dataSector(logOffset + ((at + sector) % logLength));
      }
    }
  }

  #dataSector(place: number): void {
    this.#add('log', 'data signature', place, 4);
    this.#add('log', 'data sequence high', place + 4, 4);
    for (let i = 0; i < 6; i++) this.#add('log', 'data', place + 8 + 8 * i, 8);
    this.#add('log', 'data sequence low', place + 4092, 4);
  }
}
