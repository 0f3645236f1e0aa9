/** The forms of `${name...}` between the name and the closing brace. */
import type { ErrorCode } from '../base/codes/index.ts';
import type { ErrorData } from '../base/error.ts';
import { parsePattern, replacePattern, trimEnd, trimStart, type Pattern } from './pattern.ts';

/** What a form reads from: the rest of the word. */
export interface FormReader {
  peek(): string;
  skip(): string;
  readUntil(stop: string, keepEscapes: boolean): string;
}

/** Without a code the problem is one of the form itself. */
type Fail = (problem: string, code?: ErrorCode, data?: ErrorData) => never;

/** Reads a form up to and with its closing brace. Colon forms treat an empty value as unset. */
export function substitute(name: string, value: string | undefined, reader: FormReader, fail: Fail): string {
  const operator = reader.skip();
  if (operator === ':') {
    const conditional = reader.skip();
    if (!'-+?'.includes(conditional) || conditional === '')
      return fail(`there is no form \${name:${conditional}`);
    return condition(conditional, name, value === '' ? undefined : value, reader, fail, 'empty');
  }
  switch (operator) {
    case '-':
    case '+':
    case '?':
      return condition(operator, name, value, reader, fail, 'unset');
    case '#':
    case '%':
      return trim(operator, value ?? '', reader, fail);
    case '/':
      return replace(value ?? '', reader, fail);
    case '':
      return fail('} is missing');
    default:
      return fail(`there is no form \${name${operator}`);
  }
}

function condition(
  operator: string,
  name: string,
  value: string | undefined,
  reader: FormReader,
  fail: Fail,
  forbidden: string,
): string {
  const word = reader.readUntil('}', false);
  if (operator === '-') return value ?? word;
  if (operator === '+') return value === undefined ? '' : word;
  if (value !== undefined) return value;
  const message = word === '' ? `must not be ${forbidden}` : word;
  return fail(message, 'LANG_VARIABLE_REQUIRED', { name, message });
}

function trim(operator: '#' | '%', value: string, reader: FormReader, fail: Fail): string {
  const longest = reader.peek() === operator;
  if (longest) reader.skip();
  const pattern = patternOf(reader.readUntil('}', true), fail);
  return operator === '#' ? trimStart(value, pattern, longest) : trimEnd(value, pattern, longest);
}

function replace(value: string, reader: FormReader, fail: Fail): string {
  const all = reader.peek() === '/';
  if (all) reader.skip();
  const pattern = patternOf(reader.readUntil('/', true), fail);
  return replacePattern(value, pattern, reader.readUntil('}', true), all);
}

function patternOf(text: string, fail: Fail): Pattern {
  return parsePattern(text) ?? fail(`in its pattern only *, ?, \\, } and / can be escaped`);
}
