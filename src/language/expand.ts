/**
 * Fills in variables and takes off quotes, as Docker does. Pure: a word, the variables at that line, and out comes
 * the text. The forms of substitution are in substitute.ts.
 */
import { HyperfileError } from '../base/error.ts';
import type { Recipe, SourceRange, Word } from './ast.ts';
import { locate, MAX_DIAGNOSTICS } from './diagnostic.ts';
import { rangeInside } from './word-range.ts';
import { WordReader, type ReaderOptions } from './word-reader.ts';

/** Values by name; what is missing is unset, which is not the same as empty. */
export type Variables = Readonly<Record<string, string>>;

export interface ExpandOptions {
  /** Where the words are from: its escape character counts, and errors point into its text. */
  readonly recipe: Pick<Recipe, 'fileName' | 'source' | 'directives'>;
  /** Names do not differ in case, as on Windows. */
  readonly ignoreCase?: boolean;
  /** Told of every variable that has no value and no default in the word. */
  readonly onUndefined?: (name: string, range: SourceRange) => void;
}

/**
 * The word with its variables filled in and its quotes gone.
 *
 * @throws HyperfileError LANG_QUOTE, LANG_SUBSTITUTION, LANG_VARIABLE_REQUIRED
 */
export function expandWord(word: Word, variables: Variables, options: ExpandOptions): string {
  return read(word, variables, options, { quotes: true }).text;
}

/**
 * The same, cut at spaces that no quote protects: what EXPOSE does, where one variable may hold several ports.
 *
 * @throws as {@link expandWord}
 */
export function expandWords(word: Word, variables: Variables, options: ExpandOptions): string[] {
  return read(word, variables, options, { quotes: true }).words;
}

/**
 * A heredoc's body: variables are filled in and `\` takes the meaning off the next character, but quotes stay.
 *
 * @throws as {@link expandWord}
 */
export function expandText(word: Word, variables: Variables, options: ExpandOptions): string {
  return read(word, variables, options, { quotes: false, escape: '\\' }).text;
}

function read(
  word: Word,
  variables: Variables,
  options: ExpandOptions,
  how: Pick<ReaderOptions, 'quotes'> & Partial<ReaderOptions>,
): { text: string; words: string[] } {
  const { recipe, onUndefined, ignoreCase = false } = options;
  let left = MAX_DIAGNOSTICS;
  const reader = new WordReader(word.raw, {
    escape: recipe.directives.escape,
    lookup: (name) => findVariable(variables, name, ignoreCase),
    onUndefined: (name, start, end) => {
      if (onUndefined && left-- > 0) onUndefined(name, rangeInside(word, start, end));
    },
    fail: (code, data, start, end) => {
      throw new HyperfileError(code, {
        data,
        at: locate(recipe.source, recipe.fileName, rangeInside(word, start, end)),
      });
    },
    ...how,
  });
  return reader.read();
}

/** The value of a variable; undefined when it is unset. */
export function findVariable(variables: Variables, name: string, ignoreCase: boolean): string | undefined {
  if (Object.hasOwn(variables, name)) return variables[name];
  if (!ignoreCase) return undefined;
  const wanted = name.toUpperCase();
  return Object.entries(variables).find(([other]) => other.toUpperCase() === wanted)?.[1];
}
