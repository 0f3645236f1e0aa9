/**
 * Warns of build arguments that no ARG takes: most often misspelt names. In Windows guests names do not differ in case, and
 * what a stage is built on may show only with its base: until then a name in another case may still be taken.
 */
import type { Listener } from '../base/events.ts';
import { suggest } from '../base/suggest.ts';
import type { Recipe, Stage } from '../language/ast.ts';
import type { GuestOs } from '../oci/image.ts';
import { argsOf, declaredArgs, isPredefined } from '../plan/arguments.ts';
import type { BuildEvent } from './events.ts';

export class UnusedArgs {
  readonly #recipe: Recipe;
  readonly #onEvent: Listener<BuildEvent>;
  readonly #declared: ReadonlySet<string>;
  /** Build arguments that no ARG takes in their own case. */
  readonly #left: Set<string>;

  constructor(recipe: Recipe, buildArgs: Readonly<Record<string, string>>, onEvent: Listener<BuildEvent>) {
    [this.#recipe, this.#onEvent] = [recipe, onEvent];
    this.#declared = declaredArgs(recipe);
    const names = Object.keys(buildArgs);
    this.#left = new Set(names.filter((name) => !this.#declared.has(name) && !isPredefined(name)));
  }

  /** Of those that no stage could take, before anything is built. */
  warn(): void {
    for (const name of this.#left) {
      if (this.#recipe.stages.some((stage) => otherCase(stage, name) !== undefined)) continue;
      this.#warn(name, suggest(name, [...this.#declared]));
    }
  }

  /** Of those that this stage takes on Windows only, once it is known what its guest is. */
  warnFor(stage: Stage, os: GuestOs): void {
    if (os === 'windows') return;
    for (const name of this.#left) {
      const near = otherCase(stage, name);
      if (near !== undefined) this.#warn(name, near);
    }
  }

  /** Once for each. */
  #warn(name: string, near: string | undefined): void {
    this.#left.delete(name);
    const message = `no ARG of the recipe takes the build argument ${name}`;
    const hint = near === undefined ? {} : { hint: `did you mean ${near}?` };
    this.#onEvent({ type: 'warning', message, ...hint });
  }
}

/** The ARG of a stage that would take it if names did not differ in case. */
function otherCase(stage: Stage, name: string): string | undefined {
  return [...argsOf(stage)].find((other) => other.toUpperCase() === name.toUpperCase());
}
