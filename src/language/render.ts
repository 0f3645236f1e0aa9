/** Shows places in a recipe as text: `file:line:column`, the line, and carets under what is meant. */
import type { SourceLocation } from '../base/error.ts';
import type { Recipe } from './ast.ts';
import { locate, type Diagnostic } from './diagnostic.ts';

/** Wraps a part of the text in colours; the default leaves it as it is. */
export type Paint = (role: 'error' | 'warning' | 'place' | 'gutter' | 'hint', text: string) => string;

const plain: Paint = (_role, text) => text;
const WIDTH = 100;
/** Columns shown before what is marked, in a line that is cut. */
const LEAD = 30;

/** The line with carets under it; '' for a location without text. Long lines are cut around the mark. */
export function renderExcerpt(
  location: SourceLocation,
  paint: Paint = plain,
  role: 'error' | 'warning' = 'error',
): string {
  const { line, column, text } = location;
  if (text === undefined) return '';
  const start = text.length <= WIDTH || column <= WIDTH - LEAD ? 0 : column - 1 - LEAD;
  const shown = text.slice(start, start + WIDTH);
  const cut = { before: start > 0 ? '…' : '', after: start + WIDTH < text.length ? '…' : '' };
  const markStart = column - 1 - start;
  const markEnd = Math.min((location.endColumn ?? column + 1) - 1 - start, shown.length);
  const number = String(line);
  const padding = cut.before.replace(/./, ' ') + blank(shown.slice(0, markStart));
  const carets = '^'.repeat(Math.max(1, [...shown.slice(markStart, markEnd)].length));
  return [
    `${paint('gutter', `${number} |`)} ${cut.before}${visible(shown)}${cut.after}`,
    `${paint('gutter', `${' '.repeat(number.length)} |`)} ${padding}${paint(role, carets)}`,
  ].join('\n');
}

/** One diagnostic: place and message, excerpt, hint. No line end at its end. */
export function renderDiagnostic(
  recipe: Pick<Recipe, 'fileName' | 'source'>,
  diagnostic: Diagnostic,
  paint: Paint = plain,
): string {
  const { severity, message, range, rule, hint } = diagnostic;
  const location = locate(recipe.source, recipe.fileName, range);
  const place = paint('place', `${location.file}:${location.line}:${location.column}:`);
  const name = rule === undefined ? '' : ` (${rule})`;
  const lines = [`${place} ${paint(severity, `${severity}:`)} ${visible(message)}${name}`];
  const excerpt = renderExcerpt(location, paint, severity);
  if (excerpt !== '') lines.push(indent(excerpt));
  if (hint !== undefined) lines.push(`  ${paint('hint', 'hint:')} ${visible(hint)}`);
  return lines.join('\n');
}

/** All of them, an empty line between two. */
export function renderDiagnostics(
  recipe: Pick<Recipe, 'fileName' | 'source'>,
  diagnostics: readonly Diagnostic[],
  paint: Paint = plain,
): string {
  return diagnostics.map((diagnostic) => renderDiagnostic(recipe, diagnostic, paint)).join('\n\n');
}

function indent(text: string): string {
  return text.replace(/^/gm, '  ');
}

/** Control characters could move the cursor or change colours. */
function visible(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, '�');
}

/** As wide as the text: tabs stay, so that carets stand right whatever a tab's width is. */
function blank(text: string): string {
  return [...text].map((character) => (character === '\t' ? '\t' : ' ')).join('');
}
