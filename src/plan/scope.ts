/** The variables that an instruction sees, and what they are worth at that line. */
import {
  expandText,
  expandWord,
  expandWords,
  findVariable,
  type ExpandOptions,
  type Variables,
} from '../language/expand.ts';
import { isProxy } from './arguments.ts';
import { mergeVariables } from './variable-names.ts';
import type { Word } from '../language/ast.ts';

export interface ScopeOptions {
  readonly buildArgs: Readonly<Record<string, string>>;
  /** Values that an ARG without a default takes: the recipe's global ARGs and the platform's. */
  readonly globals: ReadonlyMap<string, string>;
  readonly expand: ExpandOptions;
}

/** Variables of one stage, in the order of its instructions. ENV beats ARG; `--build-arg` beats an ARG's default. */
export class Scope {
  #env: Record<string, string>;
  #args: Record<string, string>;
  readonly #options: ScopeOptions;

  constructor(
    env: Readonly<Record<string, string>>,
    inheritedArgs: ReadonlyMap<string, string>,
    options: ScopeOptions,
  ) {
    this.#env = { ...env };
    this.#args = Object.fromEntries(inheritedArgs);
    this.#options = options;
  }

  get env(): Readonly<Record<string, string>> {
    return this.#env;
  }

  get args(): ReadonlyMap<string, string> {
    return new Map(Object.entries(this.#args));
  }

  /** What a command sees: ARGs in scope under the ENV. */
  get commandEnv(): Record<string, string> {
    return mergeVariables(this.#ignoreCase, this.#args, this.#env);
  }

  /** Proxy settings from --build-arg that no ENV overrides. */
  get proxyEnv(): Record<string, string> {
    const given = Object.entries(this.#options.buildArgs);
    const isFree = (name: string): boolean => this.#find(this.#env, name) === undefined;
    return Object.fromEntries(given.filter(([name]) => isProxy(name) && isFree(name)));
  }

  /** @throws HyperfileError of the language for `${name:?message}` and malformed variables. */
  expand(word: Word): string {
    return expandWord(word, this.commandEnv, this.#options.expand);
  }

  /** Cut at spaces that no quote protects. */
  expandList(word: Word): string[] {
    return expandWords(word, this.commandEnv, this.#options.expand);
  }

  /** A heredoc's body: variables are filled in, quotes stay. */
  expandBody(word: Word): string {
    return expandText(word, this.commandEnv, this.#options.expand);
  }

  /** All pairs see the values from before the instruction. */
  setEnv(pairs: readonly (readonly [name: string, value: string])[]): void {
    this.#env = mergeVariables(
      this.#ignoreCase,
      this.#env,
      ...pairs.map(([name, value]) => ({ [name]: value })),
    );
  }

  declareArg(name: string, fallback: string | undefined): void {
    const { buildArgs, globals } = this.#options;
    const given = this.#find(buildArgs, name);
    const value = given ?? fallback ?? this.#find(Object.fromEntries(globals), name);
    if (value !== undefined && !isProxy(name))
      this.#args = mergeVariables(this.#ignoreCase, this.#args, { [name]: value });
  }

  get #ignoreCase(): boolean {
    return this.#options.expand.ignoreCase ?? false;
  }

  #find(variables: Variables, name: string): string | undefined {
    return findVariable(variables, name, this.#ignoreCase);
  }
}
