/** The way in: text to recipe, with everything that is wrong with it. */
import type { IToken } from 'chevrotain';
import { suggest } from '../base/suggest.ts';
import type { Instruction, Recipe } from './ast.ts';
import { runChecks } from './checks/run.ts';
import { didYouMean, errorAt, MAX_DIAGNOSTICS, type Diagnostic } from './diagnostic.ts';
import { readDirectives, skippedBy } from './directives.ts';
import { parseInstruction } from './grammar.ts';
import { KEYWORDS, ruleOf } from './instructions.ts';
import { Line, type LineSource } from './line.ts';
import { Positions } from './positions.ts';
import { RecipeError } from './recipe-error.ts';
import { readInstruction } from './read-instruction.ts';
import { createScanner } from './scan.ts';
import { assembleStages } from './stages.ts';
import { EndOfLine, keywordOf, tokenize } from './tokens.ts';

export interface ParseResult {
  /** What could be read; only without errors is it the whole recipe. */
  readonly recipe: Recipe;
  /** In the order of their places. */
  readonly diagnostics: readonly Diagnostic[];
}

/** Reads a recipe. Never throws: whatever the text is, what is wrong with it is in the diagnostics. */
export function parseRecipe(text: string, fileName: string): ParseResult {
  const diagnostics: Diagnostic[] = [];
  const report = (diagnostic: Diagnostic): void => void diagnostics.push(diagnostic);
  const positions = new Positions(text);
  const { directives, end } = readDirectives(text, positions, report);
  const source: LineSource = { text, positions, report, scanner: createScanner(directives.escape) };
  const { tokens, comments } = tokenize(text, source.scanner);
  const later = comments.filter((comment) => comment.startOffset >= end);
  const lines = withSkippedRules(splitLines(tokens), later);
  const read: ReadLine[] = [];
  for (const [line, skipped] of lines) {
    if (diagnostics.length < MAX_DIAGNOSTICS) read.push(readLine(line, skipped, source));
  }
  const recipe = { fileName, source: text, directives, ...assembleStages(read, positions, report) };
  const all = [...diagnostics, ...runChecks(recipe)];
  return { recipe, diagnostics: all.sort((a, b) => a.range.start.offset - b.range.start.offset) };
}

/**
 * Nothing, when the recipe has no errors; warnings pass.
 *
 * @throws RecipeError with all of them
 */
export function raiseErrors(result: ParseResult): void {
  const errors = result.diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
  if (errors.length > 0) throw new RecipeError(result.recipe, errors);
}

/** The tokens of each instruction. */
function splitLines(tokens: readonly IToken[]): IToken[][] {
  const lines: IToken[][] = [[]];
  for (const token of tokens) {
    if (token.tokenType === EndOfLine) lines.push([]);
    else lines[lines.length - 1].push(token);
  }
  return lines.filter((line) => line.length > 0);
}

/** Each line with the rules that comments between it and the line before switch off for it. */
function withSkippedRules(lines: readonly IToken[][], comments: readonly IToken[]): [IToken[], string[]][] {
  let next = 0;
  return lines.map((line) => {
    const skipped: string[] = [];
    for (; next < comments.length && comments[next].startOffset < line[0].startOffset; next++) {
      skipped.push(...skippedBy(comments[next].image));
    }
    return [line, skipped];
  });
}

/** The instruction of a line, or only where a line was that could not be read. */
export type ReadLine = Instruction | { readonly kind: 'unreadable'; readonly keyword: string };

function readLine(tokens: IToken[], skippedRules: readonly string[], source: LineSource): ReadLine {
  const [first] = tokens;
  const keyword = keywordOf(first);
  const unreadable = { kind: 'unreadable', keyword: keyword ?? first.image.toUpperCase() } as const;
  const place = (token: IToken) =>
    source.positions.range(token.startOffset, token.startOffset + token.image.length);
  if (keyword === undefined) {
    const hint = didYouMean(suggest(first.image, KEYWORDS));
    const data = { instruction: first.image };
    source.report(errorAt('LANG_UNKNOWN_INSTRUCTION', place(first), { data, hint }));
    return unreadable;
  }
  const syntax = parseInstruction(tokens);
  if ('tokens' in syntax) {
    return readInstruction(new Line(source, keyword, tokens, syntax.tokens), skippedRules) ?? unreadable;
  }
  const data = { instruction: keyword, expected: ruleOf(keyword).expected };
  const hint = syntax.unexpected?.image.startsWith('#') ? 'a comment stands on a line of its own' : undefined;
  source.report(errorAt('LANG_ARGUMENTS', place(syntax.unexpected ?? first), { data, hint }));
  return unreadable;
}
