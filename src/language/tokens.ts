/**
 * The tokens of a recipe. A keyword switches to the mode in which the rest of its line is cut; the line's end
 * switches back. Patterns are functions, because continuations, quotes and heredocs are beyond regular expressions.
 */
import { createToken, Lexer, type CustomPatternMatcherReturn, type IToken, type TokenType } from 'chevrotain';
import { HeredocEnds, heredocMarkAt, heredocMarks, type HeredocBody, type HeredocMark } from './heredoc.ts';
import { INSTRUCTIONS, KEYWORDS, type Form, type Keyword } from './instructions.ts';
import type { Scanner } from './scan.ts';

type Match = (text: string, at: number, tokens: readonly IToken[]) => number;
type PayloadOf = (text: string, start: number, end: number, tokens: readonly IToken[]) => unknown;

interface TokenOptions {
  readonly payload?: PayloadOf;
  readonly push?: string;
  readonly pop?: boolean;
  readonly group?: string;
  readonly categories?: TokenType[];
}

/** How the recipe being read continues its lines. Set for each run of the lexer, which never waits. */
let scanner: Scanner;
let heredocEnds: HeredocEnds;

/** A token whose pattern says where it ends; no match when that is where it begins. */
function token(name: string, match: Match, options: TokenOptions = {}): TokenType {
  const { payload, push, pop, group, categories } = options;
  const exec = (text: string, at: number, tokens: IToken[]): CustomPatternMatcherReturn | null => {
    const end = match(text, at, tokens);
    if (end <= at) return null;
    const result: CustomPatternMatcherReturn = [text.slice(at, end)];
    if (payload) result.payload = payload(text, at, end, tokens);
    return result;
  };
  return createToken({
    name,
    pattern: { exec },
    line_breaks: true,
    ...(push !== undefined && { push_mode: push }),
    ...(pop && { pop_mode: pop }),
    ...(group !== undefined && { group }),
    ...(categories && { categories }),
  });
}

const NONE = -1;

function keywordEnd(text: string, at: number, keyword: string): number {
  const end = at + keyword.length;
  if (text.slice(at, end).toUpperCase() !== keyword) return NONE;
  return end === text.length || scanner.gapEnd(text, end) > end || text[end] === '\n' ? end : NONE;
}

const textEnd: Match = (text, at) => scanner.lineEnd(text, at);

/** Whether a token begins an instruction. */
const isStart = (token: IToken): boolean => token.tokenType === Unknown || keywordOf(token) !== undefined;

/** Whether no argument has come yet. */
function beforeArguments(tokens: readonly IToken[]): boolean {
  const last = tokens.at(-1);
  return last !== undefined && (isStart(last) || last.tokenType === Flag);
}

// Anywhere

export const Gap = token('Gap', (text, at) => scanner.gapEnd(text, at), { group: Lexer.SKIPPED });

export const EndOfLine = token('EndOfLine', (text, at) => (text[at] === '\n' ? at + 1 : NONE), { pop: true });

/** `--name[=value]`, as long as nothing else came. */
export const Flag = token('Flag', (text, at, tokens) => {
  if (!text.startsWith('--', at) || !beforeArguments(tokens)) return NONE;
  const end = scanner.wordEnd(text, at, true);
  return end > at + 2 ? end : NONE;
});

/** `--`: what follows are arguments, whatever they begin with. */
export const FlagsEnd = token('FlagsEnd', (text, at, tokens) => {
  if (!text.startsWith('--', at) || !beforeArguments(tokens)) return NONE;
  return scanner.wordEnd(text, at, true) === at + 2 ? at + 2 : NONE;
});

// Between instructions

export const Blank = token(
  'Blank',
  (text, at) => {
    let end = at;
    while (text[end] === '\n' || (end === 0 && text[end] === '\uFEFF')) end++;
    return Math.max(end, scanner.gapEnd(text, end));
  },
  { group: Lexer.SKIPPED },
);

export const Comment = token(
  'Comment',
  (text, at) => {
    if (text[at] !== '#') return NONE;
    const end = text.indexOf('\n', at);
    return end === -1 ? text.length : end;
  },
  { group: 'comments' },
);

/** A word where an instruction should be. */
export const Unknown = token('Unknown', (text, at) => scanner.wordEnd(text, at, false), { push: 'script' });

/** For the grammar several forms are one: a token type for each shape, standing for all its keywords. */
export const SHAPES = {
  from: shape('from'),
  words: shape('words'),
  text: shape('text'),
  health: shape('health'),
  alone: shape('alone'),
};

function shape(name: string): TokenType {
  return createToken({ name: `keyword of ${name}`, pattern: Lexer.NA });
}

const SHAPE_OF: Record<Form, TokenType> = {
  ...SHAPES,
  pairs: SHAPES.words,
  paths: SHAPES.words,
  files: SHAPES.words,
  command: SHAPES.text,
  script: SHAPES.text,
};

const keywordTokens = KEYWORDS.map((keyword) => {
  const { form } = INSTRUCTIONS[keyword];
  return token(keyword, (text, at) => keywordEnd(text, at, keyword), {
    push: form,
    categories: [SHAPE_OF[form]],
  });
});

const keywordsByToken = new Map<TokenType, Keyword>(
  KEYWORDS.map((keyword, index) => [keywordTokens[index], keyword]),
);

export function keywordOf(token: IToken): Keyword | undefined {
  return keywordsByToken.get(token.tokenType);
}

// Arguments

/** Cut at spaces; quotes hold a word together. */
export const Word = token('Word', (text, at) => scanner.wordEnd(text, at, false));

/** As {@link Word}, and an escaped space does not end it. */
export const PairWord = token('PairWord', (text, at) => scanner.wordEnd(text, at, true), {
  categories: [Word],
});

export const As = token('As', (text, at, tokens) => {
  return tokens.at(-1)?.tokenType === Word ? keywordEnd(text, at, 'AS') : NONE;
});

/** The rest of the line. */
export const Text = token('Text', textEnd);

/** As {@link Text}; its payload is the heredoc marks in it. */
export const ScriptText = token('ScriptText', textEnd, {
  categories: [Text],
  payload: (text, start, end) => heredocMarks(text, start, end, scanner),
});

/** A heredoc as a source of COPY or ADD; its payload is the mark. */
export const HeredocWord = token('HeredocWord', (text, at) => heredocMarkAt(text, at, scanner)?.end ?? NONE, {
  categories: [Word],
  payload: (text, start) => [heredocMarkAt(text, start, scanner)],
});

/** From the end of the instruction's line through the last heredoc's last line; its payload is the bodies. */
export const HeredocBodies = token(
  'HeredocBodies',
  (text, at, tokens) => {
    if (text[at] !== '\n' || tokens.at(-1)?.tokenType === HeredocBodies) return NONE;
    const last = pendingBodies(at, tokens)?.at(-1);
    if (last === undefined) return NONE;
    return last.terminated ? lineEndAt(text, last.end) : text.length;
  },
  { payload: (_text, start, _end, tokens) => pendingBodies(start, tokens) },
);

/** Where the line at `at` ends, before its line end. */
function lineEndAt(text: string, at: number): number {
  let end = text.indexOf('\n', at);
  if (end === -1) end = text.length;
  while (end > at && text[end - 1] === '\r') end--;
  return end;
}

function pendingBodies(at: number, tokens: readonly IToken[]): HeredocBody[] | undefined {
  let first = tokens.length;
  while (first > 0 && !isStart(tokens[first - 1])) first--;
  const marks = marksOf(tokens.slice(first));
  if (marks.length === 0) return undefined;
  const bodies = heredocEnds.bodies(at + 1, marks);
  // After a word that is no instruction, `<<` may be anything: believe it only when the line that ends it is there.
  const isUnknown = tokens[first - 1]?.tokenType === Unknown;
  return isUnknown && !bodies.every((body) => body.terminated) ? undefined : bodies;
}

export function marksOf(tokens: readonly IToken[]): HeredocMark[] {
  return tokens.flatMap((token) =>
    token.tokenType === ScriptText || token.tokenType === HeredocWord ? (token.payload as HeredocMark[]) : [],
  );
}

// HEALTHCHECK

const firstWord = (word: string): Match => {
  return (text, at, tokens) => (beforeArguments(tokens) ? keywordEnd(text, at, word) : NONE);
};

export const HealthNone = token('HealthNone', firstWord('NONE'));
export const HealthCmd = token('HealthCmd', firstWord('CMD'));

// JSON

/** `[`, when the rest of the line is a JSON array of strings. Anything else in brackets is text, as in Docker. */
export const JsonOpen = token(
  'JsonOpen',
  (text, at, tokens) => (jsonArrayAt(text, at, tokens)?.every(isString) ? at + 1 : NONE),
  { push: 'json' },
);

/** A JSON array that holds more than strings: the whole line. */
export const JsonOfOthers = token('JsonOfOthers', (text, at, tokens) =>
  jsonArrayAt(text, at, tokens) ? scanner.lineEnd(text, at) : NONE,
);

export const JsonString = token('JsonString', (text, at) => {
  if (text[at] !== '"') return NONE;
  let end = at + 1;
  while (end < text.length && text[end] !== '"') {
    const next = scanner.continuationEnd(text, end);
    end = next > end ? next : end + (text[end] === '\\' ? 2 : 1);
  }
  return end + 1;
});

export const Comma = token('Comma', (text, at) => (text[at] === ',' ? at + 1 : NONE));
export const JsonClose = token('JsonClose', (text, at) => (text[at] === ']' ? at + 1 : NONE), { pop: true });

function jsonArrayAt(text: string, at: number, tokens: readonly IToken[]): unknown[] | undefined {
  const last = tokens.at(-1)?.tokenType;
  if (text[at] !== '[' || !(beforeArguments(tokens) || last === FlagsEnd || last === HealthCmd))
    return undefined;
  try {
    const value: unknown = JSON.parse(scanner.join(text, at, scanner.lineEnd(text, at)));
    return Array.isArray(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isString = (value: unknown): boolean => typeof value === 'string';

// The lexer

const flags = [Gap, Flag, FlagsEnd];
const json = [JsonOpen, JsonOfOthers];
const MODES: Record<Form | 'lines' | 'json', TokenType[]> = {
  lines: [Blank, Comment, ...keywordTokens, Unknown],
  from: [...flags, As, Word, EndOfLine],
  words: [...flags, Word, EndOfLine],
  paths: [...flags, ...json, Word, EndOfLine],
  files: [...flags, ...json, HeredocWord, Word, HeredocBodies, EndOfLine],
  pairs: [...flags, PairWord, EndOfLine],
  text: [...flags, Text, EndOfLine],
  command: [...flags, ...json, Text, EndOfLine],
  script: [...flags, ...json, ScriptText, HeredocBodies, EndOfLine],
  health: [...flags, ...json, HealthNone, HealthCmd, Text, EndOfLine],
  alone: [...flags, Text, EndOfLine],
  json: [Gap, JsonString, Comma, JsonClose],
};

export const ALL_TOKENS = [...new Set([...Object.values(MODES).flat(), ...Object.values(SHAPES)])];

let lexer: Lexer | undefined;

/** Cuts a recipe into tokens. Comments come apart; no input is refused. */
export function tokenize(text: string, recipeScanner: Scanner): { tokens: IToken[]; comments: IToken[] } {
  lexer ??= new Lexer(
    { modes: MODES, defaultMode: 'lines' },
    { positionTracking: 'onlyOffset', skipValidations: true, safeMode: true },
  );
  scanner = recipeScanner;
  heredocEnds = new HeredocEnds(text);
  const { tokens, groups } = lexer.tokenize(text);
  return { tokens, comments: groups.comments ?? [] };
}
