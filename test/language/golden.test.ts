/** Each folder of cases/ is a recipe and what comes of it. `UPDATE_GOLDEN=1` writes what comes of it now. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { SourceRange } from '../../src/language/ast.ts';
import { parseRecipe, type ParseResult } from '../../src/language/parse.ts';
import { renderDiagnostics } from '../../src/language/render.ts';

const cases = new URL('./cases/', import.meta.url);

describe('the recipe', () => {
  it.each(readdirSync(cases).sort())('%s comes out as recorded', (name) => {
    const folder = new URL(`${name}/`, cases);
    const result = parseRecipe(readFileSync(new URL('Hyperfile', folder), 'utf8'), 'Hyperfile');
    compare(new URL('ast.json', folder), hasErrors(result) ? undefined : astText(result));
    compare(new URL('errors.txt', folder), problemsText(result));
  });
});

function compare(file: URL, text: string | undefined): void {
  if (process.env.UPDATE_GOLDEN) {
    if (text === undefined) rmSync(file, { force: true });
    else writeFileSync(file, text);
  }
  expect(existsSync(file) ? readFileSync(file, 'utf8') : undefined).toBe(text);
}

function hasErrors({ diagnostics }: ParseResult): boolean {
  return diagnostics.some((diagnostic) => diagnostic.severity === 'error');
}

function problemsText({ recipe, diagnostics }: ParseResult): string | undefined {
  return diagnostics.length === 0 ? undefined : `${renderDiagnostics(recipe, diagnostics)}\n`;
}

/** The tree without what can be read in the recipe itself; ranges as `line:column-line:column`. */
function astText({ recipe }: ParseResult): string {
  const { directives, globalArgs, stages } = recipe;
  const shorten = (key: string, value: unknown): unknown => {
    if (isRange(value)) {
      return `${value.start.line}:${value.start.column}-${value.end.line}:${value.end.column}`;
    }
    if (key === 'keyword' || isPlace(key, value)) return undefined;
    return Array.isArray(value) && value.length === 0 && ['flags', 'heredocs', 'skippedRules'].includes(key)
      ? undefined
      : value;
  };
  return `${JSON.stringify({ directives, globalArgs, stages }, shorten, 2)}\n`;
}

/** The source text of an instruction; of a word it is the word. */
function isPlace(key: string, value: unknown): boolean {
  return key === 'raw' && typeof value === 'string' && value.includes('\n');
}

function isRange(value: unknown): value is SourceRange {
  return typeof value === 'object' && value !== null && 'start' in value && 'end' in value;
}
