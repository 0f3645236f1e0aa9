/**
 * Values as they cross to PowerShell and back: JSON in base64. The other side is powershell/Hyperfile.Json.psm1. A value
 * arrives as it was sent: fractions and whole numbers stay what they are, and those beyond 2^53 are bigints.
 */
import { createCipheriv, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';

/** What can be sent. Properties that are undefined are left out. */
export type Sendable =
  | null
  | string
  | number
  | boolean
  | bigint
  | Secret
  | readonly Sendable[]
  | { readonly [key: string]: Sendable | undefined };

/** What comes back. */
export type Received = null | string | number | boolean | bigint | Received[] | { [key: string]: Received };

/**
 * A text that becomes a secure string of PowerShell; only as the whole value of a parameter. It is encrypted on its way,
 * because Windows can be told to log all script text (so the key is in none), and shows its text to nobody.
 */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return '[secret]';
  }

  toJSON(): string {
    return '[secret]';
  }

  [inspect.custom](): string {
    return '[secret]';
  }
}

/** The key of a session's secrets: 32 bytes, AES-256. */
export function newKey(): Buffer {
  return randomBytes(32);
}

/**
 * JSON of a value.
 *
 * @throws TypeError for numbers that are not finite
 */
export function encodeValue(value: Sendable, key: Buffer): string {
  if (typeof value === 'bigint') return value.toString();
  if (typeof value === 'number') return encodeNumber(value);
  if (value instanceof Secret) return JSON.stringify({ $secret: encrypt(value.reveal(), key) });
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (isArray(value)) return `[${value.map((item) => encodeValue(item, key)).join(',')}]`;
  const pairs = Object.entries(value).flatMap(([name, item]) =>
    item === undefined ? [] : [`${JSON.stringify(name)}:${encodeValue(item, key)}`],
  );
  return `{${pairs.join(',')}}`;
}

/** TypeScript's own does not see that a readonly array is one. */
function isArray(value: object): value is readonly Sendable[] {
  return Array.isArray(value);
}

/** A fraction is written with a point or an exponent, so that the other side makes a fraction of it again. */
function encodeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError(`${value} cannot be sent to PowerShell`);
  if (Object.is(value, -0)) return '-0.0';
  const text = JSON.stringify(value);
  return Number.isInteger(value) && !Number.isSafeInteger(value) && /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** AES-256-CBC, the initialization vector first. */
function encrypt(text: string, key: Buffer): string {
  const vector = randomBytes(16);
  const cipher = createCipheriv('aes-256-cbc', key, vector);
  return Buffer.concat([vector, cipher.update(text, 'utf8'), cipher.final()]).toString('base64');
}

type Reviver = (key: string, value: Received, context: { readonly source?: string }) => Received;

/**
 * The value of a JSON text.
 *
 * @throws SyntaxError
 */
export function decodeValue(json: string): Received {
  const revive: Reviver = (_, value, { source }) =>
    typeof value === 'number' &&
    !Number.isSafeInteger(value) &&
    source !== undefined &&
    /^-?\d+$/.test(source)
      ? BigInt(source)
      : value;
  return JSON.parse(json, revive as (key: string, value: unknown) => unknown) as Received;
}

/** How a value travels inside a line of PowerShell: letters that mean nothing there. */
export function toBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}
