/** JSON from elsewhere, read field by field: the first that is wrong is named. Fields nobody asks for may hold anything. */
import type { HyperfileError } from '../base/error.ts';
import { isDigest, type Digest } from './digest.ts';

/** Makes the error for what is wrong: `layers[3].size is not a size`. */
export type Refuse = (reason: string) => HyperfileError;

type Value = Readonly<Record<string, unknown>>;

/** An object whose fields are read by name. */
export class Fields {
  readonly #value: Value;
  readonly #at: string;
  readonly #refuse: Refuse;

  /** `at` says where the object lies in the whole; empty for the whole itself. */
  constructor(value: unknown, at: string, refuse: Refuse) {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw refuse(`${at === '' ? 'it' : at} is not an object`);
    this.#value = value as Value;
    this.#at = at;
    this.#refuse = refuse;
  }

  /** Parses a whole text, which must be UTF-8 and hold an object. */
  static parse(bytes: Uint8Array, refuse: Refuse): Fields {
    return new Fields(parseJson(bytes, refuse), '', refuse);
  }

  /** The whole object, unread. */
  all(): Value {
    return this.#value;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** The field as it is. `null` counts as absent: that is how some programs write it. */
  get(key: string): unknown {
    return Object.hasOwn(this.#value, key) ? (this.#value[key] ?? undefined) : undefined;
  }

  text(key: string): string {
    return this.#asText(this.get(key), key);
  }

  optionalText(key: string): string | undefined {
    return this.has(key) ? this.text(key) : undefined;
  }

  /** A whole number from 0 that is held exactly. */
  count(key: string): number {
    const value = this.get(key);
    if (!isCount(value)) throw this.error(key, 'a whole number from 0');
    return value;
  }

  optionalCount(key: string): number | undefined {
    return this.has(key) ? this.count(key) : undefined;
  }

  digest(key: string): Digest {
    const value = this.text(key);
    if (!isDigest(value)) throw this.error(key, 'a SHA-256 digest');
    return value;
  }

  object(key: string): Fields {
    return new Fields(this.get(key), this.path(key), this.#refuse);
  }

  /** A list of at most `limit` objects. */
  objects(key: string, limit: number): Fields[] {
    return this.list(key, limit).map((item, index) => this.#item(key, item, index));
  }

  /** A list of at most `limit` texts. */
  textList(key: string, limit: number): readonly string[] {
    return this.list(key, limit).map((item, index) => this.#asText(item, `${key}[${index}]`));
  }

  optionalTextList(key: string, limit: number): readonly string[] | undefined {
    return this.has(key) ? this.textList(key, limit) : undefined;
  }

  /** A list of at most `limit` things. */
  list(key: string, limit: number): readonly unknown[] {
    const value = this.get(key);
    if (!Array.isArray(value)) throw this.error(key, 'a list');
    if (value.length > limit) throw this.#refuse(`${this.path(key)} has more than ${limit} entries`);
    return value;
  }

  /** An object of texts. */
  texts(key: string): Readonly<Record<string, string>> {
    const fields = this.object(key);
    const pairs = Object.keys(fields.#value).map((name) => [name, fields.text(name)] as const);
    return Object.fromEntries(pairs);
  }

  /** The error for a field that is not what it must be. */
  error(key: string, expected: string): HyperfileError {
    return this.#refuse(`${this.path(key)} is not ${expected}`);
  }

  path(key: string): string {
    return this.#at === '' ? key : `${this.#at}.${key}`;
  }

  #asText(value: unknown, key: string): string {
    if (typeof value !== 'string') throw this.error(key, 'a text');
    if (value.includes('\0')) throw this.#refuse(`${this.path(key)} holds a zero byte`);
    return value;
  }

  #item(key: string, item: unknown, index: number): Fields {
    return new Fields(item, `${this.path(key)}[${index}]`, this.#refuse);
  }
}

/** Parses a whole text, which must be UTF-8. */
export function parseJson(bytes: Uint8Array, refuse: Refuse): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw refuse('it is not JSON');
  }
}

/** A whole number from 0 that is held exactly. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}
