/**
 * Breaks a sound file in its structures: fields get values that formats are broken with, entries are exchanged, pages
 * swapped, files cut. What was done is a list of plain edits, so that it can be told, repeated, and made shorter.
 */
import { withChecksum } from '../../../src/vhdx/header.ts';
import { naiveChecksum, type ReadAt } from '../naive-reader.ts';
import type { Anatomy, Field, Group } from './fields.ts';
import type { MutantFile } from './mutant-file.ts';
import type { Random } from './random.ts';
import { readAtOf } from './seeds.ts';

export type Edit = { readonly what: string } & (
  { readonly at: number; readonly bytes: Buffer } | { readonly sizeBytes: number }
);

/** Which checksums are made right again at the end: without them hardly anything would get past the first look. */
export interface Fixes {
  readonly headers: boolean;
  readonly regions: boolean;
  readonly log: boolean;
}

const MIB = 1024 * 1024;
const WEIGHTS: readonly [Group, number][] = [
  ['identifier', 1],
  ['header', 6],
  ['region', 8],
  ['metadata', 8],
  ['item', 8],
  ['locator', 4],
  ['bat', 16],
  ['bitmap', 4],
  ['log', 20],
];

export function applyEdits(file: MutantFile, edits: readonly Edit[]): void {
  for (const edit of edits) {
    if ('sizeBytes' in edit) file.truncate(edit.sizeBytes);
    else if (edit.at + edit.bytes.length <= file.sizeBytes())
      file.writeAt(edit.bytes, 0, edit.bytes.length, edit.at);
  }
}

export function anyFixes(random: Random): Fixes {
  return { headers: random.chance(0.95), regions: random.chance(0.95), log: random.chance(0.85) };
}

/** Makes checksums right again where a file is long enough. */
export function applyFixes(file: MutantFile, anatomy: Anatomy, fixes: Fixes): void {
  const fix = (at: number, length: number) => {
    if (at + length > file.sizeBytes()) return;
    const record = new Uint8Array(length);
    file.readAt(record, 0, length, at);
    file.writeAt(withChecksum(record), 4, 4, at + 4);
  };
  for (const at of fixes.headers ? [0x10000, 0x20000] : []) fix(at, 4096);
  for (const at of fixes.regions ? [0x30000, 0x40000] : []) fix(at, 65536);
  if (fixes.log) fixLog(file, anatomy);
}

/** Sums every entry anew, as long as it says it is. */
function fixLog(file: MutantFile, { logOffset, logLength, logEntries }: Anatomy): void {
  if (logOffset + logLength > file.sizeBytes()) return;
  for (const { at } of logEntries) {
    const header = readAtOf(file)(logOffset + at, 64);
    const length = header.readUInt32LE(8);
    if (length < 64 || length > logLength || header[0] !== 0x6c) continue;
    const ring = readAtOf(file)(logOffset, logLength);
    const whole = Buffer.concat([
      ring.subarray(at, at + length),
      ring.subarray(0, Math.max(0, at + length - logLength)),
    ]);
    const checksum = Buffer.alloc(4);
    checksum.writeUInt32LE(naiveChecksum(whole));
    file.writeAt(checksum, 0, 4, logOffset + at + 4);
  }
}

/** Makes up edits; each sees what the ones before it did. */
export class Breaker {
  readonly #random: Random;
  readonly #file: MutantFile;
  readonly #read: ReadAt;
  readonly #anatomy: Anatomy;
  readonly #byGroup: ReadonlyMap<Group, readonly Field[]>;
  readonly #groups: readonly Group[];

  constructor(random: Random, file: MutantFile, anatomy: Anatomy) {
    this.#random = random;
    this.#file = file;
    this.#read = readAtOf(file);
    this.#anatomy = anatomy;
    this.#byGroup = Map.groupBy(anatomy.fields, ({ group }) => group);
    this.#groups = WEIGHTS.flatMap(([group, weight]) =>
      this.#byGroup.has(group) ? new Array<Group>(weight).fill(group) : [],
    );
  }

  /** One to four breaks, each of one or more edits. */
  breaks(): Edit[] {
    const edits: Edit[] = [];
    do {
      const made = this.#break();
      applyEdits(this.#file, made);
      edits.push(...made);
    } while (edits.length < 8 && this.#random.chance(0.45));
    return edits;
  }

  #break(): Edit[] {
    const dice = this.#random.below(100);
    if (dice < 52) return this.#setField();
    if (dice < 70) return this.#setBatEntry();
    if (dice < 76) return this.#exchange();
    if (dice < 82) return this.#addEntry();
    if (dice < 86) return this.#resize();
    if (dice < 90) return this.#swapPages();
    if (dice < 94) return this.#fill();
    return this.#otherGeometry();
  }

  #field(group = this.#random.pick(this.#groups)): Field {
    return this.#random.pick(this.#byGroup.get(group)!);
  }

  #setField(): Edit[] {
    const field = this.#field();
    return this.#both(field, this.#value(field), 0.6);
  }

  /** An edit of a field, perhaps of its twin too. */
  #both({ group, what, at, twin }: Field, bytes: Buffer, chance: number): Edit[] {
    const edit = { what: `${group}: ${what} := ${bytes.toString('hex')}`, at, bytes };
    return twin !== undefined && this.#random.chance(chance) ? [edit, { ...edit, at: twin }] : [edit];
  }

  #value({ at, length, group }: Field): Buffer {
    const random = this.#random;
    const before = this.#read(at, length);
    const dice = random.below(10);
    if (dice === 0) return random.bytes(length);
    if (dice === 1) return Buffer.alloc(length, random.pick([0, 0, 0xff]));
    if (dice === 2) {
      const flipped = Buffer.from(before);
      flipped[random.below(length)] ^= 1 << random.below(8);
      return flipped;
    }
    if (dice === 3) {
      const other = this.#field(group);
      if (other.length === length) return this.#read(other.at, length);
    }
    if (length > 8)
      return Buffer.concat([before.subarray(0, random.below(length)), random.bytes(length)], length);
    return this.#number(before, length);
  }

  #number(before: Buffer, length: number): Buffer {
    const random = this.#random;
    const width = BigInt(length * 8);
    const old = BigInt(`0x${Buffer.from(before).reverse().toString('hex')}`);
    const fileBytes = BigInt(this.#file.sizeBytes());
    const step = random.pick([1n, 1n, 2n, 8n, 512n, 4096n, 65536n, BigInt(MIB)]);
    const value = random.pick([
      BigInt(random.below(9)),
      old + step,
      old - step,
      old * 2n,
      old / 2n,
      BigInt(random.below(16)) * BigInt(MIB),
      BigInt(random.below(16)) * 4096n,
      fileBytes,
      fileBytes - step,
      fileBytes / BigInt(MIB),
      1n << BigInt(random.below(length * 8)),
      (1n << width) - step,
      (1n << 53n) + step,
    ]);
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(BigInt.asUintN(Number(width), value));
    return bytes.subarray(0, length);
  }

  /** Any state with any place that means something. */
  #setBatEntry(): Edit[] {
    const random = this.#random;
    const { at, what } = this.#field('bat');
    const fileMb = Math.ceil(this.#file.sizeBytes() / MIB) || 1;
    const place = random.pick([
      0,
      random.below(fileMb),
      random.below(fileMb),
      fileMb - 1,
      fileMb,
      2 ** random.below(44),
    ]);
    const state = random.below(8);
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE((BigInt(place) << 20n) | BigInt(random.chance(0.03) ? 8 | state : state));
    return [{ what: `bat: ${what} := state ${state} at ${place} MiB`, at, bytes }];
  }

  /** Two fields of one group and length change places. */
  #exchange(): Edit[] {
    const group = this.#random.pick(this.#groups);
    const [one, other] = [this.#field(group), this.#field(group)];
    if (one.length !== other.length) return [];
    const what = `${group}: ${one.what} <-> ${other.what}`;
    return [
      { what, at: one.at, bytes: this.#read(other.at, one.length) },
      { what, at: other.at, bytes: this.#read(one.at, one.length) },
    ];
  }

  /** A table gets an entry more: a copy of another, with a field or two changed. */
  #addEntry(): Edit[] {
    const random = this.#random;
    const isRegion = random.chance(0.4);
    const table = isRegion ? 0x30000 : this.#anatomy.metadata;
    const [countAt, first, countBytes] = isRegion ? [8, 16, 4] : [10, 32, 2];
    const count = this.#read(table + countAt, countBytes).readUIntLE(0, countBytes);
    if (count > 100) return [];
    const entry = Buffer.from(this.#read(table + first + random.below(count + 1) * 32, 32));
    for (let i = random.below(3); i >= 0; i--) {
      const at = random.pick([0, 16, 20, 24, 28]);
      this.#value({ group: 'item', what: '', at: table + first + at, length: 4 }).copy(entry, at);
    }
    const more = Buffer.alloc(countBytes);
    more.writeUIntLE(count + 1, 0, countBytes);
    const what = `${isRegion ? 'region' : 'metadata'}: one entry more, ${entry.toString('hex')}`;
    const tables = isRegion && random.chance(0.7) ? [0x30000, 0x40000] : [table];
    return tables.flatMap((at) => [
      { what, at: at + first + count * 32, bytes: entry },
      { what, at: at + countAt, bytes: more },
    ]);
  }

  #resize(): Edit[] {
    const random = this.#random;
    const now = this.#file.sizeBytes();
    const edge = this.#field().at;
    const sizeBytes = random.pick([
      random.below(now),
      random.below(Math.ceil(now / MIB)) * MIB,
      now - random.pick([1, 512, 1000, 4096, MIB]),
      now + random.pick([1, 512, 1000, MIB, 64 * MIB]),
      edge + random.below(64),
      random.below(70_000),
    ]);
    return [{ what: `length := ${sizeBytes}`, sizeBytes: Math.max(0, sizeBytes) }];
  }

  #swapPages(): Edit[] {
    const [one, other] = [this.#field(), this.#field()].map(({ at }) => Math.floor(at / 4096) * 4096);
    const what = `pages at ${one} and ${other} change places`;
    return [
      { what, at: one, bytes: this.#read(other, 4096) },
      { what, at: other, bytes: this.#read(one, 4096) },
    ];
  }

  #fill(): Edit[] {
    const random = this.#random;
    const { at, group } = this.#field();
    const length = random.pick([16, 64, 512, 4096, 65536]);
    const bytes = random.chance(0.3)
      ? random.bytes(Math.min(512, length))
      : Buffer.alloc(length, random.pick([0, 0xff]));
    return [{ what: `${group}: ${bytes.length} bytes at ${at} := ${bytes[0]}...`, at, bytes }];
  }

  /** Another shape of the disk that is allowed by itself. */
  #otherGeometry(): Edit[] {
    const random = this.#random;
    const items = this.#anatomy.metadata + 65536;
    const sectors = [512, 4096];
    const put = (what: string, at: number, value: number, length: number): Edit => {
      const bytes = Buffer.alloc(length);
      if (length === 8) bytes.writeBigUInt64LE(BigInt(value));
      else bytes.writeUInt32LE(value);
      return { what: `item: ${what} := ${value}`, at: items + at, bytes };
    };
    const choices = [
      () => put('block size', 0, MIB * 2 ** random.below(9), 4),
      () => put('flags', 4, random.below(4), 4),
      () =>
        put(
          'disk size',
          8,
          512 * random.pick([1, 8, 2048, 10240, 2 ** 23, 2 ** 30, 2 ** 37, random.below(20_000)]),
          8,
        ),
      () => put('logical sector size', 16, random.pick(sectors), 4),
      () => put('physical sector size', 20, random.pick(sectors), 4),
    ];
    return Array.from({ length: 1 + random.below(3) }, () => random.pick(choices)());
  }
}
