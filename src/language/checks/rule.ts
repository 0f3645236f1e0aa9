/** What a check is. */
import type { ErrorCode } from '../../base/codes/index.ts';
import { suggest } from '../../base/suggest.ts';
import type { Instruction, Recipe, SourceRange, Stage } from '../ast.ts';

export interface Rule {
  /** As Docker calls it where Docker has it; `# check=skip=` takes it. */
  readonly name: string;
  readonly description: string;
  readonly severity: 'error' | 'warning';
  /** Of an error with a page of its own. */
  readonly code?: ErrorCode;
  readonly check: (recipe: Recipe, report: Report) => void;
}

/** The instruction decides whether a comment above it switches the rule off. */
export type Report = (instruction: Instruction, range: SourceRange, message: string, hint?: string) => void;

/** A rule that looks at each stage by itself. */
export function perStage(look: (stage: Stage, report: Report, recipe: Recipe) => void): Rule['check'] {
  return (recipe, report) => recipe.stages.forEach((stage) => look(stage, report, recipe));
}

/** A rule that looks at each instruction by itself. */
export function perInstruction(look: (instruction: Instruction, report: Report) => void): Rule['check'] {
  return (recipe, report) => allInstructions(recipe).forEach((instruction) => look(instruction, report));
}

/** In the order written. */
export function allInstructions(recipe: Recipe): Instruction[] {
  return [...recipe.globalArgs, ...recipe.stages.flatMap((stage) => [stage.from, ...stage.instructions])];
}

/** As `suggest`, for the first mistakes only: comparing names takes time, and nobody reads a thousand hints. */
export function createSuggest(): (word: string, candidates: () => Iterable<string>) => string | undefined {
  let left = 100;
  return (word, candidates) => (left-- > 0 ? suggest(word, candidates()) : undefined);
}
