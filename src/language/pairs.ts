/** ENV and LABEL: `key=value ...`, or the older `key value`. ARG: `name[=default] ...`. MACHINE: `key=value ...`. */
import type { ArgDeclaration, KeyValue, Word } from './ast.ts';
import type { Line } from './line.ts';
import { machineKeyProblem, machineValueProblem } from './machine.ts';
import type { FieldsOf } from './read-instruction.ts';
import { wordInside } from './word-range.ts';

export function readPairs(line: Line): FieldsOf<'ENV'> | undefined {
  const legacy = legacyPair(line);
  if (legacy) {
    const [key, value] = legacy;
    const range = { start: key.range.start, end: value.range.end };
    return { pairs: [{ key: line.checked(key), value: line.checked(value), range }], legacy: true };
  }
  const pairs = pairsOf(line);
  return pairs && { pairs, legacy: false };
}

/** Reports keys that there are not, and literal values that their keys cannot have. */
export function readMachine(line: Line): FieldsOf<'MACHINE'> | undefined {
  const pairs = pairsOf(line);
  for (const { key, value } of pairs ?? []) {
    const keyProblem = machineKeyProblem(key.raw);
    const isLiteral = !/[$'"\\`]/.test(value.raw);
    const problem = keyProblem ?? (isLiteral ? machineValueProblem(key.raw, value.raw) : undefined);
    const range = keyProblem || value.raw === '' ? key.range : value.range;
    if (problem) line.error(problem.code, range, problem);
  }
  return pairs && { pairs };
}

function pairsOf(line: Line): KeyValue[] | undefined {
  const words = line.words();
  const [first] = words;
  if (!first.raw.includes('=')) return line.needsArguments(first.range, `write ${first.raw}=value`);
  const pairs = words.map((word) => readPair(line, word));
  return pairs.every((pair) => pair !== undefined) ? pairs : undefined;
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
