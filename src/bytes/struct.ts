/**
 * Describes fixed binary records the way a specification prints them: every field with its offset. Decoding and
 * encoding come from the one description; fields that overlap or leave the record are refused when the module loads.
 * All integers are little endian. Decoding checks nothing: what a value may be is the caller's business.
 */
import { formatGuid, parseGuid } from './guid.ts';

/** One field: where it lies and how it becomes a value. */
export interface Field<T> {
  readonly offset: number;
  readonly sizeBytes: number;
  read(view: DataView): T;
  write(view: DataView, value: T): void;
}

type Fields = Readonly<Record<string, Field<unknown>>>;
type ValueOf<F> = F extends { read(view: DataView): infer T } ? T : never;
type StructValue<F extends Fields> = { -readonly [K in keyof F]: ValueOf<F[K]> };

export interface Struct<T> {
  readonly sizeBytes: number;
  /** Reads the record at the start of `bytes`, which must hold all of it. */
  decode(bytes: Uint8Array): T;
  /** Writes the record into `into` (default: fresh zeroed bytes). Bytes of no field stay as they are. */
  encode(value: T, into?: Uint8Array): Uint8Array;
}

/** The value that a struct decodes to. */
export type Decoded<S> = S extends Struct<infer T> ? T : never;

/** A record of `sizeBytes` with the given fields. */
export function struct<F extends Fields>(sizeBytes: number, fields: F): Struct<StructValue<F>> {
  checkLayout(sizeBytes, fields);
  const entries = Object.entries(fields) as [keyof F, Field<unknown>][];
  return {
    sizeBytes,
    decode(bytes) {
      const view = viewOf(bytes, sizeBytes);
      const value: Partial<Record<keyof F, unknown>> = {};
      for (const [name, field] of entries) value[name] = field.read(view);
      return value as StructValue<F>;
    },
    encode(value, into = new Uint8Array(sizeBytes)) {
      const view = viewOf(into, sizeBytes);
      for (const [name, field] of entries) field.write(view, value[name]);
      return into;
    },
  };
}

function checkLayout(sizeBytes: number, fields: Fields): void {
  let end = 0;
  for (const [name, field] of Object.entries(fields).sort(([, a], [, b]) => a.offset - b.offset)) {
    if (field.offset < end) throw new TypeError(`field ${name} overlaps the one before it`);
    end = field.offset + field.sizeBytes;
  }
  if (end > sizeBytes) throw new TypeError(`fields need ${end} bytes, the record has ${sizeBytes}`);
}

function viewOf(bytes: Uint8Array, sizeBytes: number): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, sizeBytes);
}

export function u16(offset: number): Field<number> {
  return {
    offset,
    sizeBytes: 2,
    read: (view) => view.getUint16(offset, true),
    write: (view, value) => view.setUint16(offset, value, true),
  };
}

export function u32(offset: number): Field<number> {
  return {
    offset,
    sizeBytes: 4,
    read: (view) => view.getUint32(offset, true),
    write: (view, value) => view.setUint32(offset, value, true),
  };
}

export function u64(offset: number): Field<bigint> {
  return {
    offset,
    sizeBytes: 8,
    read: (view) => view.getBigUint64(offset, true),
    write: (view, value) => view.setBigUint64(offset, value, true),
  };
}

/**
 * A 64-bit size or offset as a number. Values above 2^53 lose their low bits but stay huge, so a bounds check still
 * refuses them.
 */
export function size64(offset: number): Field<number> {
  return {
    offset,
    sizeBytes: 8,
    read: (view) => Number(view.getBigUint64(offset, true)),
    write: (view, value) => view.setBigUint64(offset, BigInt(value), true),
  };
}

/** A GUID in Microsoft's mixed-endian form; the value is its lower-case text without braces. */
export function guid(offset: number): Field<string> {
  return {
    offset,
    sizeBytes: 16,
    read: (view) => formatGuid(new Uint8Array(view.buffer, view.byteOffset + offset, 16)),
    write: (view, value) => new Uint8Array(view.buffer, view.byteOffset + offset, 16).set(parseGuid(value)),
  };
}

/** Raw bytes; decoding copies them. */
export function bytes(offset: number, sizeBytes: number): Field<Uint8Array> {
  return {
    offset,
    sizeBytes,
    read: (view) => new Uint8Array(view.buffer, view.byteOffset + offset, sizeBytes).slice(),
    write(view, value) {
      if (value.length !== sizeBytes) throw new TypeError(`expected ${sizeBytes} bytes, got ${value.length}`);
      new Uint8Array(view.buffer, view.byteOffset + offset, sizeBytes).set(value);
    },
  };
}

/** ASCII text of a fixed length, for signatures. Bytes outside ASCII decode to their Latin-1 characters. */
export function ascii(offset: number, sizeBytes: number): Field<string> {
  return {
    offset,
    sizeBytes,
    read: (view) => String.fromCharCode(...new Uint8Array(view.buffer, view.byteOffset + offset, sizeBytes)),
    write(view, value) {
      if (value.length !== sizeBytes) throw new TypeError(`expected ${sizeBytes} characters, got "${value}"`);
      for (let i = 0; i < sizeBytes; i++) view.setUint8(offset + i, value.charCodeAt(i));
    },
  };
}
