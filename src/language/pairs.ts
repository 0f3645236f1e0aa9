/** ENV and LABEL: `key=value ...`, or the older `key value`. ARG: `name[=default] ...`. */
import type { ArgDeclaration, KeyValue, Word } from './ast.ts';
import type { Line } from './line.ts';
import type { FieldsOf } from './read-instruction.ts';
import { wordInside } from './word-range.ts';

export function readPairs(line: Line): FieldsOf<'ENV'> | undefined {
  const words = line.words();
  const legacy = legacyPair(line);
  if (legacy) {
    const [key, value] = legacy;
    const range = { start: key.range.start, end: value.range.end };
    return { pairs: [{ key: line.checked(key), value: line.checked(value), range }], legacy: true };
  }
  const [first] = words;
  if (!first.raw.includes('=')) return line.needsArguments(first.range, `write ${first.raw}=value`);
  const pairs = words.map((word) => readPair(line, word));
  if (pairs.some((pair) => pair === undefined)) return undefined;
  return { pairs: pairs as KeyValue[], legacy: false };
}

/** `key value`: meant when the first word holds no `=`; all that follows it, spaces too, is one value. */
export function legacyPair(line: Line): [key: Word, value: Word] | undefined {
  if (line.keyword !== 'ENV' && line.keyword !== 'LABEL') return undefined;
  const words = line.words();
  const [first, second] = words;
  if (first.raw.includes('=') || second === undefined) return undefined;
  const last = words[words.length - 1];
  return [first, line.wordBetween(second.range.start.offset, last.range.end.offset)];
}

export function readArguments(line: Line): FieldsOf<'ARG'> | undefined {
  const declarations = line.words().map((word): ArgDeclaration | undefined => {
    if (!word.raw.includes('=')) return { name: line.checked(word), range: word.range };
    const pair = readPair(line, word);
    return pair && { name: pair.key, default: pair.value, range: pair.range };
  });
  if (declarations.some((declaration) => declaration === undefined)) return undefined;
  return { declarations: declarations as ArgDeclaration[] };
}

function readPair(line: Line, word: Word): KeyValue | undefined {
  const equals = word.raw.indexOf('=');
  if (equals === -1) return line.needsArguments(word.range, 'put a value that holds spaces in quotes');
  if (equals === 0) return line.needsArguments(word.range, 'write a name before the =');
  line.checked(word);
  return {
    key: wordInside(word, 0, equals),
    value: wordInside(word, equals + 1, word.raw.length),
    range: word.range,
  };
}
