/** Sorts instructions into stages. */
import { suggest } from '../base/suggest.ts';
import type { ArgInstruction, Recipe, Stage, StageInstruction } from './ast.ts';
import { errorAt, type Diagnostic } from './diagnostic.ts';
import type { ReadLine } from './parse.ts';
import type { Positions } from './positions.ts';

/** Reports instructions before the first FROM, once, and a recipe without FROM. */
export function assembleStages(
  lines: readonly ReadLine[],
  positions: Positions,
  report: (diagnostic: Diagnostic) => void,
): Pick<Recipe, 'globalArgs' | 'stages'> {
  const globalArgs: ArgInstruction[] = [];
  const stages: (Stage & { instructions: StageInstruction[] })[] = [];
  // A line that may have been meant as FROM: complaints about what follows it would only repeat the first.
  let lostStart = false;
  for (const line of lines) {
    if (line.kind === 'unreadable') lostStart ||= stages.length === 0 && mayBeFrom(line.keyword);
    else if (line.kind === 'FROM') {
      const name = line.alias?.name;
      stages.push({
        index: stages.length,
        ...(name !== undefined && { name }),
        from: line,
        instructions: [],
      });
    } else if (stages.length > 0) stages[stages.length - 1].instructions.push(line);
    else if (line.kind === 'ARG') globalArgs.push(line);
    else if (!lostStart) {
      report(errorAt('LANG_BEFORE_FROM', line.keyword.range, { data: { instruction: line.kind } }));
      lostStart = true;
    }
  }
  if (stages.length === 0 && !lostStart) report(errorAt('LANG_EMPTY', positions.range(0, 0)));
  return { globalArgs, stages };
}

function mayBeFrom(keyword: string): boolean {
  return suggest(keyword, ['FROM']) !== undefined;
}
