/** Runs the checks over a recipe. */
import type { Recipe } from '../ast.ts';
import { MAX_DIAGNOSTICS, type Diagnostic } from '../diagnostic.ts';
import { RULES } from './rules.ts';

/** What the checks found, without what the recipe switches off. An error cannot be switched off. */
export function runChecks(recipe: Recipe): Diagnostic[] {
  const { skip, error } = recipe.directives.check;
  const found: Diagnostic[] = [];
  for (const { name, severity, code, check } of RULES) {
    if (severity === 'warning' && names(skip, name)) continue;
    check(recipe, (instruction, range, message, hint) => {
      if (severity === 'warning' && names(instruction.skippedRules, name)) return;
      if (found.length >= MAX_DIAGNOSTICS) return;
      found.push({
        code: code ?? 'LANG_CHECK',
        rule: name,
        severity: error ? 'error' : severity,
        message,
        range,
        ...(hint !== undefined && { hint }),
      });
    });
  }
  return found;
}

function names(skip: readonly string[], rule: string): boolean {
  return skip.some((name) => name.toLowerCase() === 'all' || name.toLowerCase() === rule.toLowerCase());
}
