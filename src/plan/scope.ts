/** The variables that an instruction sees, and what they are worth at that line. */
import { expandText, expandWord, expandWords, type ExpandOptions } from '../language/expand.ts';
import { isProxy } from './arguments.ts';
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
  readonly #args: Map<string, string>;
  readonly #options: ScopeOptions;

  constructor(
    env: Readonly<Record<string, string>>,
    inheritedArgs: ReadonlyMap<string, string>,
    options: ScopeOptions,
  ) {
    this.#env = { ...env };
    this.#args = new Map(inheritedArgs);
    this.#options = options;
  }

  get env(): Readonly<Record<string, string>> {
    return this.#env;
  }

  get args(): ReadonlyMap<string, string> {
    return this.#args;
  }

  /** What a command sees: ARGs in scope under the ENV. */
  get commandEnv(): Record<string, string> {
    return { ...Object.fromEntries(this.#args), ...this.#env };
  }

  /** Proxy settings from --build-arg that no ENV overrides. */
  get proxyEnv(): Record<string, string> {
    const given = Object.entries(this.#options.buildArgs);
    return Object.fromEntries(given.filter(([name]) => isProxy(name) && !(name in this.#env)));
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
    this.#env = { ...this.#env, ...Object.fromEntries(pairs) };
  }

  declareArg(name: string, fallback: string | undefined): void {
    const value = this.#options.buildArgs[name] ?? fallback ?? this.#options.globals.get(name);
    if (value !== undefined && !isProxy(name)) this.#args.set(name, value);
  }
}
