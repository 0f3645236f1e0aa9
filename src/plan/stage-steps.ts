/** A stage's instructions, one after another, to steps: variables filled in, paths made absolute, config carried on. */
import path from 'node:path/posix';
import { HyperfileError, isHyperfileError, type SourceLocation } from '../base/error.ts';
import type {
  AddInstruction,
  CopyInstruction,
  Recipe,
  RunInstruction,
  StageInstruction,
  Word,
} from '../language/ast.ts';
import { locate } from '../language/diagnostic.ts';
import type { ExpandOptions } from '../language/expand.ts';
import type { GuestConfig } from '../oci/image.ts';
import { commandLine } from './command-line.ts';
import { applyToConfig } from './guest-config.ts';
import { Scope } from './scope.ts';
import { copyOrigin, type StageNode } from './stage-graph.ts';
import type { Download, InlineFile, Step } from './step.ts';

export interface StageOptions {
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly globals: ReadonlyMap<string, string>;
  readonly expand: ExpandOptions;
}

/** What a stage takes over from the one it starts from. */
export interface Inherited {
  readonly config: GuestConfig;
  /** ARGs of the stage below; none when the base is not a stage. */
  readonly args: ReadonlyMap<string, string>;
}

export interface StageSteps {
  readonly steps: readonly Step[];
  /** For the stages that start from this one. */
  readonly inherited: Inherited;
}

/** @throws HyperfileError of the language and plan, with the place in the recipe. */
export function planSteps(
  recipe: Recipe,
  node: StageNode,
  below: Inherited,
  options: StageOptions,
): StageSteps {
  const scope = new Scope(below.config.env, below.args, options);
  const planner = new StagePlanner(recipe, node.stage.index, scope, below.config);
  const steps = node.stage.instructions.map((instruction) => planner.plan(instruction));
  return { steps, inherited: { config: planner.config, args: scope.args } };
}

class StagePlanner {
  config: GuestConfig;
  /** CMD is taken over from the base only until the stage sets an ENTRYPOINT of its own. */
  #ownCmd = false;
  readonly #recipe: Recipe;
  readonly #stageIndex: number;
  readonly #scope: Scope;

  constructor(recipe: Recipe, stageIndex: number, scope: Scope, config: GuestConfig) {
    this.#recipe = recipe;
    this.#stageIndex = stageIndex;
    this.#scope = scope;
    this.config = config;
  }

  plan(instruction: StageInstruction): Step {
    const location = locate(this.#recipe.source, this.#recipe.fileName, instruction.range);
    try {
      return this.#plan(instruction, location);
    } catch (error) {
      throw isHyperfileError(error) ? error.located(location) : error;
    }
  }

  #plan(instruction: StageInstruction, location: SourceLocation): Step {
    this.config = applyToConfig(this.config, instruction, this.#scope, this.#ownCmd);
    if (instruction.kind === 'CMD') this.#ownCmd = true;
    const common = {
      location,
      title: instruction.text.split('\n', 1)[0],
      text: instruction.text,
      config: this.config,
    };
    switch (instruction.kind) {
      case 'RUN':
        return { ...common, kind: 'run', ...this.#runFields(instruction) };
      case 'COPY':
      case 'ADD':
        return { ...common, kind: 'copy', ...this.#copyFields(instruction) };
      case 'WORKDIR':
        return { ...common, kind: 'workdir', path: this.config.workdir };
      default:
        return { ...common, kind: 'config' };
    }
  }

  #runFields({ command, network }: RunInstruction) {
    const { shell, workdir, user } = this.config;
    const how =
      command.form !== 'script'
        ? { argv: commandLine(command, shell) }
        : command.shebang === undefined
          ? { argv: [...shell, command.heredoc.body] }
          : { argv: [...splitShebang(command.shebang), '/dev/stdin'], stdin: command.heredoc.body };
    return {
      ...how,
      env: this.#scope.commandEnv,
      proxyEnv: this.#scope.proxyEnv,
      workdir,
      user,
      network: network === 'none' ? ('none' as const) : ('host' as const),
    };
  }

  #copyFields(instruction: CopyInstruction | AddInstruction) {
    const scope = this.#scope;
    const words = instruction.sources.flatMap((source) =>
      source.type === 'path' ? [scope.expand(source.word)] : [],
    );
    const add = instruction.kind === 'ADD';
    const isUrl = (text: string): boolean => add && /^https?:\/\//i.test(text);
    const checksum = add && instruction.checksum ? { checksum: scope.expand(instruction.checksum) } : {};
    const { chown, chmod } = instruction;
    return {
      add,
      from: add ? { kind: 'context' as const } : copyOrigin(this.#recipe, this.#stageIndex, instruction),
      paths: words.filter((text) => !isUrl(text)),
      inlineFiles: instruction.sources.flatMap((source): InlineFile[] =>
        source.type === 'heredoc'
          ? [{ name: source.heredoc.name, content: this.#heredocContent(source.heredoc) }]
          : [],
      ),
      downloads: words.filter(isUrl).map((url): Download => ({ url, ...checksum })),
      destination: this.#destination(instruction),
      ...(chown && { owner: scope.expand(chown) }),
      ...(chmod && { mode: scope.expand(chmod) }),
    };
  }

  #heredocContent({
    body,
    bodyRange,
    expand,
  }: {
    body: string;
    bodyRange: Word['range'];
    expand: boolean;
  }): string {
    return expand ? this.#scope.expandBody({ raw: body, range: bodyRange }) : body;
  }

  /** `.`, `dir/.` and several sources mean a directory, as a trailing slash does. */
  #destination(instruction: CopyInstruction | AddInstruction): string {
    const text = this.#scope.expand(instruction.destination);
    if (text === '')
      throw new HyperfileError('PLAN_NEEDS_VALUE', { data: { instruction: instruction.kind } });
    const absolute = path.resolve(this.config.workdir, text);
    const isDirectory = /(^|\/)\.{0,2}$/.test(text);
    return isDirectory && absolute !== '/' ? `${absolute}/` : absolute;
  }
}

/** Like the kernel: the interpreter, and the rest of the line as one argument. */
function splitShebang(line: string): string[] {
  const [, interpreter = '', argument = ''] = /^\s*(\S+)\s*(.*?)\s*$/.exec(line) ?? [];
  return argument === '' ? [interpreter] : [interpreter, argument];
}
