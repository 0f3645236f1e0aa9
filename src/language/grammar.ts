/**
 * The grammar of one instruction; grammar/hyperfile.ebnf is its readable form. A recipe is parsed one instruction at a
 * time, so that a mistake in one never hides the next. Few rules, because chevrotain analyses them at every start: where
 * an instruction has no JSON form or no heredocs, the lexer gives it none.
 */
import { CstParser, EOF, type CstNode, type IToken } from 'chevrotain';
import {
  ALL_TOKENS,
  As,
  Comma,
  Flag,
  FlagsEnd,
  HealthCmd,
  HealthNone,
  HeredocBodies,
  JsonClose,
  JsonOfOthers,
  JsonOpen,
  JsonString,
  SHAPES,
  Text,
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
      { ALT: () => this.SUBRULE(this.#words) },
      { ALT: () => this.SUBRULE(this.#text) },
      { ALT: () => this.SUBRULE(this.#health) },
      { ALT: () => this.SUBRULE(this.#alone) },
    ]);
  });

  #from = this.RULE('from', () => {
    this.CONSUME(SHAPES.from);
    this.SUBRULE(this.#flags);
    this.CONSUME(Word);
    this.OPTION(() => {
      this.CONSUME(As);
      this.CONSUME2(Word);
    });
  });

  #words = this.RULE('words', () => {
    this.CONSUME(SHAPES.words);
    this.SUBRULE(this.#flags);
    this.OR([
      { ALT: () => this.SUBRULE(this.#json) },
      { ALT: () => this.AT_LEAST_ONE(() => this.CONSUME(Word)) },
    ]);
    this.OPTION(() => this.CONSUME(HeredocBodies));
  });

  #text = this.RULE('text', () => {
    this.CONSUME(SHAPES.text);
    this.SUBRULE(this.#flags);
    this.OR([{ ALT: () => this.SUBRULE(this.#json) }, { ALT: () => this.CONSUME(Text) }]);
    this.OPTION(() => this.CONSUME(HeredocBodies));
  });

  #health = this.RULE('health', () => {
    this.CONSUME(SHAPES.health);
    this.SUBRULE(this.#flags);
    this.OR([
      { ALT: () => this.CONSUME(HealthNone) },
      {
        ALT: () => {
          this.CONSUME(HealthCmd);
          this.OR2([{ ALT: () => this.SUBRULE(this.#json) }, { ALT: () => this.CONSUME(Text) }]);
        },
      },
    ]);
  });

  #alone = this.RULE('alone', () => {
    this.CONSUME(SHAPES.alone);
    this.SUBRULE(this.#flags);
  });

  #flags = this.RULE('flags', () => {
    this.MANY(() => this.CONSUME(Flag));
    this.OPTION(() => this.CONSUME(FlagsEnd));
  });

  #json = this.RULE('json', () => {
    this.OR([
      { ALT: () => this.CONSUME(JsonOfOthers) },
      {
        ALT: () => {
          this.CONSUME(JsonOpen);
          this.MANY_SEP({ SEP: Comma, DEF: () => this.CONSUME(JsonString) });
          this.CONSUME(JsonClose);
        },
      },
    ]);
  });
}

/** The tokens of an instruction by their names. */
export type TokensByName = Readonly<Record<string, readonly IToken[] | undefined>>;

/** `unexpected` is the first token that does not fit; absent when the line ends too early. */
export type Syntax = { readonly tokens: TokensByName } | { readonly unexpected?: IToken };

let parser: InstructionParser | undefined;

/** Makes the parser anew and lets chevrotain look for mistakes in the grammar; for tests. */
export function validateGrammar(): void {
  new InstructionParser(false);
}

export function parseInstruction(tokens: IToken[]): Syntax {
  parser ??= new InstructionParser(true);
  parser.input = tokens;
  const node = parser.instruction();
  const [error] = parser.errors;
  if (error === undefined) return { tokens: flatten(node) };
  return error.token.tokenType === EOF ? {} : { unexpected: error.token };
}

/** The tree without its inner nodes: each kind of token comes from one place of a rule only. */
function flatten(node: CstNode): TokensByName {
  const tokens: Record<string, IToken[]> = {};
  for (const [name, children] of Object.entries(node.children)) {
    for (const child of children) {
      if ('children' in child) Object.assign(tokens, flatten(child));
      else (tokens[name] ??= []).push(child);
    }
  }
  return tokens;
}
