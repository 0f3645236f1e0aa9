/** `--cache-from` and `--cache-to` as Docker writes them: one CSV record of `key=value` fields a cache. */
import { HyperfileError } from '../base/error.ts';
import { suggest } from '../base/suggest.ts';
import { formatReference, parseReference, type Reference } from '../oci/reference.ts';
import { splitCsv } from './csv.ts';
import { readBoolean, readChoice, readDuration, readLevel, type ReadValue } from './option-values.ts';

/** A cache to read from (`from`) or to write to (`to`). */
export type CacheDirection = 'from' | 'to';

export type CacheOption = RegistryCacheOption | LocalCacheOption | GhaCacheOption | InlineCacheOption;

interface AnyCacheOption {
  /** What people call it in messages; never holds a secret. */
  readonly name: string;
  /** `min`: only the steps of the image that is built; `max`: those of all stages. */
  readonly mode: 'min' | 'max';
  /** False: a failed export fails the build. */
  readonly ignoreError: boolean;
  /** Of zstd. */
  readonly compressionLevel?: number;
  /** How long one lookup may take. */
  readonly timeoutMs?: number;
}

export interface RegistryCacheOption extends AnyCacheOption {
  readonly type: 'registry';
  readonly reference: Reference;
  /** Plain HTTP, or a certificate that cannot be checked. */
  readonly insecure: boolean;
}

export interface LocalCacheOption extends AnyCacheOption {
  readonly type: 'local';
  readonly folder: string;
}

export interface GhaCacheOption extends AnyCacheOption {
  readonly type: 'gha';
  readonly scope: string;
  /** Of the service; default: what the runner says. */
  readonly url?: string;
  readonly token?: string;
}

/** The pushed image itself: its config names the keys of its layers. */
export interface InlineCacheOption extends AnyCacheOption {
  readonly type: 'inline';
}

type CacheType = CacheOption['type'];
type Fields = ReadonlyMap<string, string>;

const TYPES: readonly CacheType[] = ['registry', 'local', 'gha', 'inline'];
const DEFAULT_SCOPE = 'hyperfile';

const READ_LEVEL: ReadValue<unknown> = readLevel;
/** How every field is read; what is not here takes any text. */
const VALUES: Readonly<Record<string, ReadValue<unknown>>> = {
  mode: readChoice('min', 'max'),
  'ignore-error': readBoolean,
  'compression-level': READ_LEVEL,
  insecure: readBoolean,
  timeout: readDuration,
  // Docker's fields for what is always so here.
  compression: readChoice('zstd'),
  'image-manifest': readChoice('true'),
  'oci-mediatypes': readChoice('true'),
};

const EXPORT_FIELDS = ['mode', 'ignore-error', 'compression-level', 'compression'];
const OWN_FIELDS: Readonly<Record<CacheType, Readonly<Record<CacheDirection, readonly string[]>>>> = {
  registry: {
    from: ['ref', 'insecure', 'timeout'],
    to: ['ref', 'insecure', 'timeout', ...EXPORT_FIELDS, 'image-manifest', 'oci-mediatypes'],
  },
  local: { from: ['src', 'timeout'], to: ['dest', 'timeout', ...EXPORT_FIELDS] },
  gha: {
    from: ['scope', 'url', 'token', 'timeout'],
    to: ['scope', 'url', 'token', 'timeout', ...EXPORT_FIELDS],
  },
  inline: { from: [], to: [] },
};

/**
 * Reads one cache. A text without any `=` is the name of a place in a registry.
 *
 * @throws HyperfileError CACHE_OPTION
 */
export function parseCacheOption(text: string, direction: CacheDirection): CacheOption {
  const option = new OptionText(text, direction);
  const fields = option.fields();
  const type = option.type(fields);
  option.checkNames(type, fields);
  const common = commonFields(option, fields);
  switch (type) {
    case 'registry':
      return { ...common, type, ...registryFields(option, fields) };
    case 'local': {
      const folder = option.need(fields, direction === 'to' ? 'dest' : 'src', 'a folder');
      return { ...common, type, name: `local ${folder}`, folder };
    }
    case 'gha':
      return { ...common, type, ...ghaFields(fields) };
    case 'inline':
      if (direction === 'from')
        throw option.wrong('inline caches are read from the image: type=registry,ref=NAME');
      return { ...common, type, name: 'inline' };
  }
}

/** The text of one option, and complaints about it. */
class OptionText {
  readonly #text: string;
  readonly #direction: CacheDirection;

  constructor(text: string, direction: CacheDirection) {
    this.#text = text;
    this.#direction = direction;
  }

  /** A service's token is never repeated. */
  wrong(problem: string, hint?: string): HyperfileError {
    const option = this.#text.replace(/(token=)[^,]*/gi, '$1***');
    return new HyperfileError('CACHE_OPTION', {
      data: { option, problem },
      ...(hint !== undefined && { hint }),
    });
  }

  fields(): Fields {
    const fields = splitCsv(this.#text);
    if (fields === undefined) throw this.wrong('a quote is not closed');
    if (fields.length === 1 && fields[0] !== '' && !fields[0]?.includes('='))
      return new Map([['ref', fields[0] ?? '']]);
    const named = new Map<string, string>();
    for (const field of fields) {
      const equals = field.indexOf('=');
      if (equals < 1) throw this.wrong(`"${field}" is not key=value`);
      const key = field
        .slice(0, equals)
        .trim()
        .toLowerCase()
        .replace(/^registry\.insecure$/, 'insecure');
      if (named.has(key)) throw this.wrong(`${key} is given twice`);
      named.set(key, field.slice(equals + 1));
    }
    return named;
  }

  type(fields: Fields): CacheType {
    const named = fields.get('type') ?? (fields.has('ref') ? 'registry' : undefined);
    if (named === undefined) throw this.wrong(`it does not say type=${TYPES.join('|')}`);
    const type = TYPES.find((known) => known === named);
    if (type !== undefined) return type;
    throw this.wrong(`there is no type ${named}`, didYouMean('type=', suggest(named, TYPES)));
  }

  checkNames(type: CacheType, fields: Fields): void {
    const known = OWN_FIELDS[type][this.#direction];
    const other = OWN_FIELDS[type][this.#direction === 'to' ? 'from' : 'to'];
    for (const key of fields.keys()) {
      if (key === 'type' || known.includes(key)) continue;
      if (other.includes(key))
        throw this.wrong(`${key} is for --cache-${this.#direction === 'to' ? 'from' : 'to'}`);
      throw this.wrong(`type=${type} takes no ${key}`, didYouMean('', suggest(key, known)));
    }
  }

  /** A field's value as its reader gives it. */
  value<T>(fields: Fields, key: string): T | undefined {
    const text = fields.get(key);
    const read = VALUES[key];
    if (text === undefined || read === undefined) return undefined;
    const result = read(text);
    if ('expected' in result) throw this.wrong(`${key} takes ${result.expected}, not "${text}"`);
    return result.value as T;
  }

  need(fields: Fields, key: string, what: string): string {
    const value = fields.get(key);
    if (!value) throw this.wrong(`it does not say ${key}=, ${what}`);
    return value;
  }
}

function commonFields(option: OptionText, fields: Fields): Omit<AnyCacheOption, 'name'> {
  for (const key of fields.keys()) option.value(fields, key);
  const compressionLevel = option.value<number>(fields, 'compression-level');
  const timeoutMs = option.value<number>(fields, 'timeout');
  return {
    mode: option.value<'min' | 'max'>(fields, 'mode') ?? 'min',
    ignoreError: option.value<boolean>(fields, 'ignore-error') ?? true,
    ...(compressionLevel !== undefined && { compressionLevel }),
    ...(timeoutMs !== undefined && { timeoutMs }),
  };
}

function registryFields(option: OptionText, fields: Fields) {
  const ref = option.need(fields, 'ref', 'a name in a registry');
  let reference: Reference;
  try {
    reference = parseReference(ref);
  } catch (error) {
    throw option.wrong((error as HyperfileError).message);
  }
  if (reference.digest !== undefined)
    throw option.wrong('ref has a digest: a cache changes with every build');
  const insecure = option.value<boolean>(fields, 'insecure') ?? false;
  return { name: `registry ${formatReference(reference)}`, reference, insecure };
}

function ghaFields(fields: Fields) {
  const scope = fields.get('scope') ?? DEFAULT_SCOPE;
  const [url, token] = [fields.get('url'), fields.get('token')];
  return { name: `gha ${scope}`, scope, ...(url && { url }), ...(token && { token }) };
}

function didYouMean(before: string, name: string | undefined): string | undefined {
  return name === undefined ? undefined : `Did you mean ${before}${name}?`;
}
