/** A stage's instructions, one after another, to steps: variables filled in, paths made absolute, config carried on. */
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
import type { GuestConfig, GuestOs, MachineSettings } from '../oci/image.ts';
import { applyToConfig } from './guest-config.ts';
import { resolveDestination, sourceInGuest } from './guest-path.ts';
import { hostPlatform } from './platform.ts';
import { runLine } from './run-line.ts';
import { Scope } from './scope.ts';
import { copyOrigin, type StageNode } from './stage-graph.ts';
import { isDiskStep, type Download, type InlineFile, type Step } from './step.ts';

export interface StageOptions {
  readonly buildArgs: Readonly<Record<string, string>>;
  readonly globals: ReadonlyMap<string, string>;
  readonly expand: ExpandOptions;
}

/** What a stage takes over from the one it starts from. */
export interface Inherited {
  readonly os: GuestOs;
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
  const { os } = below;
  const expand = { ...options.expand, ignoreCase: os === 'windows' };
  const globals = globalsFor(os, options);
  const scope = new Scope(below.config.env, below.args, { ...options, globals, expand });
  const planner = new StagePlanner({ recipe, stageIndex: node.stage.index, scope, os }, below.config);
  const steps = node.stage.instructions.map((instruction) => planner.plan(instruction));
  return { steps: sealLast(steps), inherited: { os, config: planner.config, args: scope.args } };
}

/** Nothing comes after the last step on the disk that could hold what it changes. */
function sealLast(steps: readonly Step[]): Step[] {
  const last = steps.findLast(isDiskStep);
  return steps.map((step) => (step === last ? { ...last, needsLayer: true } : step));
}

/** What a stage is built for shows only now. `--build-arg` still wins. */
function globalsFor(os: GuestOs, { globals, buildArgs }: StageOptions): ReadonlyMap<string, string> {
  if (os === 'linux') return globals;
  const { architecture } = hostPlatform();
  const target = { TARGETOS: os, TARGETPLATFORM: `${os}/${architecture}` };
  const free = Object.entries(target).filter(([name]) => !Object.hasOwn(buildArgs, name));
  return new Map([...globals, ...free]);
}

interface PlannerParts {
  readonly recipe: Recipe;
  readonly stageIndex: number;
  readonly scope: Scope;
  readonly os: GuestOs;
}

class StagePlanner {
  config: GuestConfig;
  /** CMD is taken over from the base only until the stage sets an ENTRYPOINT of its own. */
  #ownCmd = false;
  readonly #recipe: Recipe;
  readonly #stageIndex: number;
  readonly #scope: Scope;
  readonly #os: GuestOs;

  constructor({ recipe, stageIndex, scope, os }: PlannerParts, config: GuestConfig) {
    this.#recipe = recipe;
    this.#stageIndex = stageIndex;
    this.#scope = scope;
    this.#os = os;
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
    this.config = applyToConfig(this.#os, this.config, instruction, this.#scope, this.#ownCmd);
    if (instruction.kind === 'CMD') this.#ownCmd = true;
    const common = {
      location,
      title: instruction.text.split('\n', 1)[0],
      text: instruction.text,
      config: this.config,
    };
    switch (instruction.kind) {
      case 'RUN':
        return {
          ...common,
          kind: 'run',
          needsLayer: instruction.layer ?? true,
          ...this.#machine(),
          ...this.#runFields(instruction),
        };
      case 'REBOOT':
        return { ...common, kind: 'reboot', needsLayer: false, ...this.#machine() };
      case 'COPY':
      case 'ADD':
        return { ...common, kind: 'copy', needsLayer: true, ...this.#copyFields(instruction) };
      case 'WORKDIR':
        return { ...common, kind: 'workdir', needsLayer: true, path: this.config.workdir };
      default:
        return { ...common, kind: 'config' };
    }
  }

  #runFields({ command, network }: RunInstruction) {
    const { shell, workdir, user } = this.config;
    const how = runLine(this.#os, command, shell);
    return {
      ...how,
      env: this.#scope.commandEnv,
      proxyEnv: this.#scope.proxyEnv,
      workdir,
      user,
      network: network === 'none' ? ('none' as const) : ('host' as const),
    };
  }

  #machine(): { readonly machine?: MachineSettings } {
    const { machine } = this.config;
    return machine === undefined ? {} : { machine };
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
    const from = add ? { kind: 'context' as const } : copyOrigin(this.#recipe, this.#stageIndex, instruction);
    const paths = words.filter((text) => !isUrl(text));
    return {
      add,
      from,
      paths: from.kind === 'context' ? paths : paths.map((text) => sourceInGuest(this.#os, text)),
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

  #destination(instruction: CopyInstruction | AddInstruction): string {
    const text = this.#scope.expand(instruction.destination);
    if (text === '')
      throw new HyperfileError('PLAN_NEEDS_VALUE', { data: { instruction: instruction.kind } });
    return resolveDestination(this.#os, this.config.workdir, text);
  }
}
