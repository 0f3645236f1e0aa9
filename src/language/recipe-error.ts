/** A recipe with errors, as the one error that ends a command. */
import { HyperfileError } from '../base/error.ts';
import type { Recipe } from './ast.ts';
import { locate, type Diagnostic } from './diagnostic.ts';

/**
 * All errors of a recipe. With one error it is that error; with more, LANG_ERRORS. `data.problems` lists them as
 * `file:line:column: message`; `renderDiagnostics` shows them with their lines.
 */
export class RecipeError extends HyperfileError {
  readonly recipe: Pick<Recipe, 'fileName' | 'source'>;
  readonly diagnostics: readonly Diagnostic[];

  constructor(recipe: Pick<Recipe, 'fileName' | 'source'>, diagnostics: readonly Diagnostic[]) {
    const [first] = diagnostics;
    const { fileName: file, source } = recipe;
    const problems = diagnostics.map(({ range, message }) => {
      return `${file}:${range.start.line}:${range.start.column}: ${message}`;
    });
    super(diagnostics.length === 1 ? first.code : 'LANG_ERRORS', {
      data: { file, count: diagnostics.length, problem: first.message, problems },
      at: locate(source, file, first.range),
      ...(diagnostics.length === 1 && first.hint !== undefined && { hint: first.hint }),
    });
    if (diagnostics.length === 1) this.message = first.message;
    this.recipe = recipe;
    this.diagnostics = diagnostics;
  }
}
