/**
 * Header blocks of tar archives: ustar and pax (POSIX.1-2017, pax), and GNU's long names, base-256 numbers and sparse
 * files (GNU tar manual, "Basic Tar Format"). Own code, because extended attributes are bytes: the tar libraries of
 * npm decode pax values as text, which destroys file capabilities and ACLs.
 */

export const BLOCK_BYTES = 512;

/** The type flags we know. */
export type TarKind =
  'file' | 'link' | 'symlink' | 'character-device' | 'block-device' | 'directory' | 'pipe' | TarExtension;
/** Headers that say something about the next one, or all following ones. */
export type TarExtension = 'pax' | 'pax-global' | 'long-name' | 'long-link' | 'sparse' | 'unknown';

export interface TarHeader {
  readonly kind: TarKind;
  /** Bytes, as the archive has them. */
  readonly name: Buffer;
  readonly linkName: Buffer;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Length of the data that follows. */
  readonly sizeBytes: number;
  readonly modifiedSeconds: number;
  readonly major: number;
  readonly minor: number;
}

const KINDS: Readonly<Record<string, TarKind>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'symlink',
  '3': 'character-device',
  '4': 'block-device',
  '5': 'directory',
  '6': 'pipe',
  x: 'pax',
  g: 'pax-global',
  L: 'long-name',
  K: 'long-link',
  S: 'sparse',
};

/** Undefined: not a header (the checksum is wrong). Numbers that cannot be read become NaN. */
export function decodeTarHeader(block: Buffer): TarHeader | undefined {
  if (!checksumIsRight(block)) return undefined;
  const isUstar = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? text(block, 345, 155) : Buffer.alloc(0);
  const ownName = text(block, 0, 100);
  const name = prefix.length > 0 ? Buffer.concat([prefix, Buffer.from('/'), ownName]) : ownName;
  const flag = String.fromCharCode(block[156] ?? 0);
  const kind = KINDS[flag] ?? 'unknown';
  return {
    // Old archives mark directories by a slash only.
    kind: kind === 'file' && name.at(-1) === 0x2f ? 'directory' : kind,
    name,
    linkName: text(block, 157, 100),
    mode: number(block, 100, 8) & 0o7777,
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    sizeBytes: number(block, 124, 12),
    modifiedSeconds: number(block, 136, 12),
    major: number(block, 329, 8),
    minor: number(block, 337, 8),
  };
}

/** The sum of all bytes with the checksum's own field as spaces. Some old programs summed signed bytes. */
function checksumIsRight(block: Buffer): boolean {
  let sum = 0;
  let highBytes = 0;
  for (let at = 0; at < BLOCK_BYTES; at++) {
    const byte = at >= 148 && at < 156 ? 0x20 : block[at];
    sum += byte;
    if (byte > 127) highBytes++;
  }
  const stored = number(block, 148, 8);
  return stored === sum || stored === sum - 256 * highBytes;
}

function text(block: Buffer, offset: number, length: number): Buffer {
  const end = block.indexOf(0, offset);
  return Buffer.from(block.subarray(offset, end < 0 || end > offset + length ? offset + length : end));
}

/** Octal digits, or GNU's big-endian binary when the first bit is set. */
function number(block: Buffer, offset: number, length: number): number {
  if ((block[offset] & 0x80) !== 0) return binaryNumber(block, offset, length);
  let value = 0;
  let digits = 0;
  for (let at = offset; at < offset + length; at++) {
    const digit = block[at] - 0x30;
    if (digit >= 0 && digit <= 7) {
      value = value * 8 + digit;
      digits++;
    } else if (digits > 0 || block[at] === 0) {
      break;
    } else if (block[at] !== 0x20) {
      return Number.NaN;
    }
  }
  return value;
}

function binaryNumber(block: Buffer, offset: number, length: number): number {
  const negative = block[offset] === 0xff;
  let value = negative ? -1 : block[offset] & 0x7f;
  for (let at = offset + 1; at < offset + length; at++) value = value * 256 + block[at];
  return value;
}

/** GNU's old sparse map: pairs of offset and length in 24 bytes each. */
export function decodeSparsePairs(
  block: Buffer,
  offset: number,
  count: number,
): [offset: number, length: number][] {
  const pairs: [number, number][] = [];
  for (let index = 0; index < count; index++) {
    const at = offset + 24 * index;
    if (block[at] === 0) break;
    pairs.push([number(block, at, 12), number(block, at + 12, 12)]);
  }
  return pairs;
}

/** Of an old GNU sparse header: its first pairs, whether more follow in blocks of their own, and the file's length. */
export function decodeSparseHeader(block: Buffer): {
  pairs: [number, number][];
  extended: boolean;
  sizeBytes: number;
} {
  return {
    pairs: decodeSparsePairs(block, 386, 4),
    extended: block[482] !== 0,
    sizeBytes: number(block, 483, 12),
  };
}

/** Undefined for records that are not `length key=value\n`. Values are bytes. */
export function decodePax(data: Buffer): Map<string, Buffer> | undefined {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(data.toString('latin1', at, space));
    const end = at + length;
    const equals = data.indexOf(0x3d, space);
    if (
      !Number.isInteger(length) ||
      end > data.length ||
      equals < 0 ||
      equals >= end ||
      data[end - 1] !== 0x0a
    ) {
      return undefined;
    }
    addRecord(records, data.toString('utf8', space + 1, equals), data.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** GNU's first sparse format repeats two keys for each piece; they become the list of the second. */
function addRecord(records: Map<string, Buffer>, key: string, value: Buffer): void {
  const isPiece = key === 'GNU.sparse.offset' || key === 'GNU.sparse.numbytes';
  const list = isPiece ? records.get('GNU.sparse.map') : undefined;
  const whole = list ? Buffer.concat([list, Buffer.from(','), value]) : Buffer.from(value);
  records.set(isPiece ? 'GNU.sparse.map' : key, whole);
}
