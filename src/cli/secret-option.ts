/** `--secret id=ID,src=FILE` and `--secret id=ID,env=NAME`, as Docker takes them. */
import path from 'node:path';
import { HyperfileError } from '../base/error.ts';
import { suggest } from '../base/suggest.ts';
import type { SecretSource } from '../build/secrets.ts';
import { splitCsv } from '../cache/csv.ts';

const FIELDS = ['id', 'src', 'source', 'env', 'type'];
const TYPES = ['file', 'env'];

/**
 * By id, the last of each. Values of fields that are not known are in no error: they may be what is secret.
 *
 * @param folder where relative paths start
 * @throws HyperfileError SECRET_OPTION
 */
export function parseSecrets(texts: readonly string[], folder: string): Record<string, SecretSource> {
  return Object.fromEntries(texts.map((text) => parseSecret(text, folder)));
}

function parseSecret(text: string, folder: string): [id: string, source: SecretSource] {
  const fields = splitCsv(text);
  if (fields === undefined) throw wrong('a quote is not closed, or not at the edge of a field');
  const { id = '', source = '', env = '', type } = readFields(fields);
  if (id === '') throw wrong('it has no id');
  if (type !== undefined && !TYPES.includes(type))
    throw wrong('its type is file or env', suggest(type, TYPES));
  if (source !== '' && env !== '') throw wrong('it has both a file (src) and a variable (env)');
  if (type === 'file' && source === '') throw wrong('its type is file, and no file is named (src)');
  // As in Docker: src may name the variable, and an id alone is its name too.
  if (type === 'env' || source === '') return [id, { type: 'env', variable: env || source || id }];
  return [id, { type: 'file', path: path.resolve(folder, source) }];
}

function readFields(fields: readonly string[]): Record<string, string | undefined> {
  const values: Record<string, string | undefined> = {};
  for (const field of fields) {
    const [name, value] = field.split(/=(.*)/s);
    const isField = value !== undefined && FIELDS.includes(name);
    if (!isField && value === undefined) throw wrong('every field of it is NAME=VALUE');
    if (!isField) throw wrong(`its fields are ${FIELDS.join(', ')}`, suggest(name, FIELDS));
    values[name === 'src' ? 'source' : name] = value;
  }
  return values;
}

function wrong(problem: string, near?: string): HyperfileError {
  const hint = near === undefined ? {} : { hint: `Did you mean ${near}?` };
  return new HyperfileError('SECRET_OPTION', { data: { problem }, ...hint });
}
