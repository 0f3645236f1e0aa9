/**
 * Golden files in a form that people can check against the specification: one field a line, `offset  value  # why`. Every
 * byte that no line describes must be zero. Values that are random in every file get a name where they first appear and
 * must be the same wherever the name comes again.
 *
 *   file 0x600000            the file's length
 *   0x10000  "head"          ASCII          u"text"      UTF-16LE            00 ff 12  bytes
 *   u16 1  u32 0x10  u64 1   numbers, little endian; u64 $name, u64 $name+1 for a random one
 *   guid 2dc27766-...        in Microsoft's mixed form; guid $name for a random one; u"guid $name" its text
 *   crc32c 0x10000 4096      checksum of so many bytes from there, the field itself counting as zero
 *   pattern SEED FROM LENGTH payload, see scratch.ts
 */
import fs from 'node:fs';
import path from 'node:path';
import { pattern } from './scratch.ts';

/** Names given to random values: GUIDs as text, numbers as bigints. */
export type Names = Map<string, string | bigint>;

const NOTHING = Buffer.alloc(1024 * 1024);

/** CRC-32C bit by bit, from its definition: nothing to share with the engine's tables. */
export function bitwiseCrc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** The GUID at `at` as lower-case text. */
export function guidAt(bytes: Buffer, at: number): string {
  const number = (from: number, width: number) =>
    bytes
      .readUIntLE(at + from, width)
      .toString(16)
      .padStart(width * 2, '0');
  const tail = bytes.toString('hex', at + 8, at + 16);
  return [number(0, 4), number(4, 2), number(6, 2), tail.slice(0, 4), tail.slice(4)].join('-');
}

function guidBytes(text: string): Buffer {
  const [a, b, c, ...tail] = text.split('-');
  const reversed = [a, b, c].map((part) => Buffer.from(part, 'hex').reverse());
  return Buffer.concat([...reversed, Buffer.from(tail.join(''), 'hex')]);
}

/** What a file has that a golden file has not, one line each; empty when they agree. Fills in `names`. */
export function differences(golden: string, file: string, names: Names): string[] {
  const text = fs.readFileSync(path.join(import.meta.dirname, 'goldens', `${golden}.txt`), 'utf8');
  const comparison = new Comparison(fs.readFileSync(file), names);
  for (const [index, line] of text.split('\n').entries()) comparison.line(index + 1, line);
  comparison.end();
  return comparison.found;
}

class Comparison {
  readonly found: string[] = [];
  readonly #actual: Buffer;
  readonly #names: Names;
  /** End of what is described so far: lines come in order, so that none is hidden under another. */
  #end = 0;
  #where = '';

  constructor(actual: Buffer, names: Names) {
    this.#actual = actual;
    this.#names = names;
  }

  line(number: number, line: string): void {
    // A `#` inside quotes is no comment; none of our texts has one.
    const content = line.replace(/\s*#.*$/, '').trim();
    if (content === '') return;
    this.#where = `line ${number}: ${line.trim()}`;
    const [first, ...tokens] = content.match(/u?"[^"]*"|\S+/g) ?? [];
    if (first === 'file') {
      this.#equal('length', this.#actual.length, Number(tokens[0]));
      return;
    }
    let at = Number(first);
    if (!Number.isInteger(at) || at < this.#end) throw new Error(`not in order: ${this.#where}`);
    this.#zeros(this.#end, at);
    while (tokens.length > 0) at = this.#token(at, tokens);
    this.#end = at;
  }

  end(): void {
    this.#where = 'the end';
    this.#zeros(this.#end, this.#actual.length);
  }

  /** Compares one value and returns where the next one lies. */
  #token(at: number, tokens: string[]): number {
    const token = tokens.shift()!;
    if (token.startsWith('"')) return this.#bytes(at, Buffer.from(token.slice(1, -1), 'latin1'));
    if (token.startsWith('u"'))
      return this.#bytes(at, Buffer.from(this.#named(token.slice(2, -1)), 'utf16le'));
    if (/^[0-9a-f]{2}$/.test(token)) return this.#bytes(at, Buffer.from(token, 'hex'));
    const width = { u16: 2, u32: 4, u64: 8 }[token];
    if (width !== undefined) return this.#number(at, width, tokens.shift()!);
    if (token === 'guid') return this.#guid(at, tokens.shift()!);
    if (token === 'crc32c') return this.#checksum(at, Number(tokens.shift()), Number(tokens.shift()));
    if (token === 'pattern') {
      const [seed, from, length] = tokens.splice(0, 3).map(Number);
      return this.#bytes(at, pattern(from + length, seed).subarray(from));
    }
    throw new Error(`unknown value ${token} in ${this.#where}`);
  }

  #named(text: string): string {
    return text.replace(/guid \$(\w+)/g, (_, name: string) => String(this.#names.get(name)));
  }

  #number(at: number, width: number, text: string): number {
    const [, name, plus] = /^\$(\w+)(?:\+(\d+))?$/.exec(text) ?? [];
    const actual =
      width === 8 ? this.#actual.readBigUInt64LE(at) : BigInt(this.#actual.readUIntLE(at, width));
    if (name !== undefined && !this.#names.has(name)) this.#names.set(name, actual);
    const expected =
      name === undefined ? BigInt(text) : (this.#names.get(name) as bigint) + BigInt(plus ?? 0);
    this.#equal(`at ${at}`, actual, expected);
    return at + width;
  }

  #guid(at: number, text: string): number {
    if (!text.startsWith('$')) return this.#bytes(at, guidBytes(text));
    const name = text.slice(1);
    const actual = guidAt(this.#actual, at);
    if (!this.#names.has(name)) this.#names.set(name, actual);
    this.#equal(`at ${at}`, actual, this.#names.get(name));
    return at + 16;
  }

  #checksum(at: number, from: number, length: number): number {
    const covered = Buffer.from(this.#actual.subarray(from, from + length));
    covered.fill(0, at - from, at - from + 4);
    this.#equal(`at ${at}`, this.#actual.readUInt32LE(at), bitwiseCrc32c(covered));
    return at + 4;
  }

  #bytes(at: number, expected: Buffer): number {
    const actual = this.#actual.subarray(at, at + expected.length);
    if (!actual.equals(expected)) {
      const shown = (bytes: Buffer) => bytes.subarray(0, 48).toString('hex');
      this.found.push(`${this.#where}: at ${at} is ${shown(actual)}, not ${shown(expected)}`);
    }
    return at + expected.length;
  }

  #zeros(from: number, to: number): void {
    for (let at = from; at < to; at += NOTHING.length) {
      const between = this.#actual.subarray(at, Math.min(to, at + NOTHING.length));
      if (between.equals(NOTHING.subarray(0, between.length))) continue;
      const first = at + between.findIndex((byte) => byte !== 0);
      this.found.push(`before ${this.#where}: byte ${first} is not zero`);
      return;
    }
  }

  #equal(what: string, actual: unknown, expected: unknown): void {
    if (actual !== expected)
      this.found.push(`${this.#where}: ${what} is ${String(actual)}, not ${String(expected)}`);
  }
}
