/**
 * The grammar of one instruction; grammar/hyperfile.ebnf is its readable form. A recipe is parsed one instruction at a
 * time, so that a mistake in one never hides the next. The trees are flat: one node, its tokens by name.
 */
import { CstParser, type IToken, type TokenType } from 'chevrotain';
import {
  ALL_TOKENS,
  As,
  Comma,
  Flag,
  FlagsEnd,
  formTokens,
  HealthCmd,
  HealthNone,
  HeredocBodies,
  JsonClose,
  JsonOfOthers,
  JsonOpen,
  JsonString,
  ScriptText,
  Text,
  Unknown,
  Word,
} from './tokens.ts';

class InstructionParser extends CstParser {
  constructor(skipValidations: boolean) {
    super(ALL_TOKENS, { maxLookahead: 1, recoveryEnabled: false, skipValidations });
    this.performSelfAnalysis();
  }

  readonly instruction = this.RULE('instruction', () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.#from) },
      { ALT: () => this.SUBRULE(this.#pairs) },
      { ALT: () => this.SUBRULE(this.#words) },
      { ALT: () => this.SUBRULE(this.#paths) },
      { ALT: () => this.SUBRULE(this.#files) },
      { ALT: () => this.SUBRULE(this.#text) },
      { ALT: () => this.SUBRULE(this.#command) },
      { ALT: () => this.SUBRULE(this.#script) },
      { ALT: () => this.SUBRULE(this.#health) },
      { ALT: () => this.SUBRULE(this.#unknown) },
    ]);
  });

  #from = this.RULE('from', () => {
    this.#begin(formTokens.from);
    this.CONSUME(Word);
    this.OPTION(() => {
      this.CONSUME(As);
      this.CONSUME2(Word);
    });
  });

  #pairs = this.RULE('pairs', () => {
    this.#begin(formTokens.pairs);
    this.#manyWords();
  });

  #words = this.RULE('words', () => {
    this.#begin(formTokens.words);
    this.#manyWords();
  });

  #paths = this.RULE('paths', () => {
    this.#begin(formTokens.paths);
    this.#jsonOr(() => this.#manyWords());
  });

  #files = this.RULE('files', () => {
    this.#begin(formTokens.files);
    this.#jsonOr(() => this.#manyWords());
    this.OPTION(() => this.CONSUME(HeredocBodies));
  });

  #text = this.RULE('text', () => {
    this.#begin(formTokens.text);
    this.CONSUME(Text);
  });

  #command = this.RULE('command', () => {
    this.#begin(formTokens.command);
    this.#jsonOr(() => this.CONSUME(Text));
  });

  #script = this.RULE('script', () => {
    this.#begin(formTokens.script);
    this.#jsonOr(() => this.CONSUME(ScriptText));
    this.OPTION(() => this.CONSUME(HeredocBodies));
  });

  #health = this.RULE('health', () => {
    this.#begin(formTokens.health);
    this.OR([
      { ALT: () => this.CONSUME(HealthNone) },
      {
        ALT: () => {
          this.CONSUME(HealthCmd);
          this.#jsonOr(() => this.CONSUME(Text));
        },
      },
    ]);
  });

  /** Anything at all: what is wrong is its first word. */
  #unknown = this.RULE('unknown', () => {
    this.#begin(Unknown);
    this.OPTION(() => this.#jsonOr(() => this.CONSUME(ScriptText)));
    this.OPTION2(() => this.CONSUME(HeredocBodies));
  });

  #begin(keyword: TokenType): void {
    this.CONSUME(keyword);
    this.MANY(() => this.CONSUME(Flag));
    this.OPTION9(() => this.CONSUME(FlagsEnd));
  }

  #manyWords(): void {
    this.AT_LEAST_ONE(() => this.CONSUME(Word));
  }

  #jsonOr(other: () => void): void {
    this.OR9([
      { ALT: other },
      { ALT: () => this.CONSUME(JsonOfOthers) },
      {
        ALT: () => {
          this.CONSUME(JsonOpen);
          this.MANY_SEP({ SEP: Comma, DEF: () => this.CONSUME(JsonString) });
          this.CONSUME(JsonClose);
        },
      },
    ]);
  }
}

/** The tokens of one instruction by their names, or where it went wrong. */
export type Syntax =
  { readonly tokens: Readonly<Record<string, IToken[] | undefined>> } | { readonly unexpected?: IToken };

let parser: InstructionParser | undefined;

/** Makes the parser anew and lets chevrotain look for mistakes in the grammar; for tests. */
export function validateGrammar(): void {
  new InstructionParser(false);
}

/** `unexpected` is the first token that does not fit; absent when the line ends too early. */
export function parseInstruction(tokens: IToken[]): Syntax {
  parser ??= new InstructionParser(true);
  parser.input = tokens;
  const node = parser.instruction();
  const error = parser.errors[0];
  if (error !== undefined) return Number.isNaN(error.token.startOffset) ? {} : { unexpected: error.token };
  const [form] = Object.values(node.children).flat();
  return { tokens: 'children' in form ? (form.children as Record<string, IToken[]>) : {} };
}
