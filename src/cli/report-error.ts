/** Errors for people: what went wrong, where, why, and what to do about it. The only place that prints them. */
import { ERROR_CODES } from '../base/codes/index.ts';
import type { ExitStatus } from '../base/error-entry.ts';
import { fillTemplate, HyperfileError, systemCode, type SourceLocation } from '../base/error.ts';
import { locate } from '../language/diagnostic.ts';
import { RecipeError } from '../language/recipe-error.ts';
import { renderDiagnostics, renderExcerpt, type Paint } from '../language/render.ts';
import { colorsFor, type Colors, type Console } from './console.ts';
import { cleanLine } from './render/output-lines.ts';
import { safeJson } from './safe-json.ts';

/** Verbs that tell of themselves event by event. */
const TRANSFER_VERBS: ReadonlySet<string> = new Set(['push', 'pull', 'copy', 'index', 'save', 'load']);

/** Prints an error as the command line asked for (JSON where it asked for events as JSON) and returns the exit status. */
export function reportError(error: unknown, argv: readonly string[], console: Console): ExitStatus {
  const known = toKnownError(error);
  if (wantsJson(argv)) console.out.write(`${safeJson(errorRecord(known))}\n`);
  else console.err.write(describeError(known, colorsFor(console, console.err)));
  if (console.env.HYPERFILE_DEBUG) console.err.write(`${stackOf(error)}\n`);
  return known.exitStatus;
}

/** Messages hold what files, programs and registries say: none of that may steer the terminal. */
function shown(text: string): string {
  return text.split('\n').map(cleanLine).join('\n');
}

/** The page of a code, as a path in the project. */
export function errorPage(code: string): string {
  return `docs/errors/${code}.md`;
}

/** The whole message, with a newline at its end. */
export function describeError(error: HyperfileError, colors: Colors): string {
  const head = `${colors.bold('hyperfile:')} ${colors.red('error:')} ${shown(error.message)}`;
  const foot = colors.dim(`  ${error.code}, ${errorPage(error.code)}`);
  const body = hasSeveral(error) ? describeAll(error, colors) : describeOne(error, colors);
  return `${[head, ...body, foot].join('\n')}\n`;
}

function hasSeveral(error: HyperfileError): error is RecipeError {
  return error instanceof RecipeError && error.diagnostics.length > 1;
}

/** Everything that is wrong with a recipe, each with its place. */
function describeAll({ recipe, diagnostics }: RecipeError, colors: Colors): string[] {
  return ['', renderDiagnostics(recipe, diagnostics, painter(colors)), ''];
}

function describeOne(error: HyperfileError, colors: Colors): string[] {
  const lines = error.at === undefined ? [] : describePlace(error.at, colors);
  const cause = causeOf(error);
  if (cause !== undefined) lines.push(`  cause: ${shown(cause)}`);
  // Whoever mistyped something needs no explanation of why that is wrong.
  if (error.exitStatus !== 2) {
    const why = fillTemplate(ERROR_CODES[error.code].why, error.data);
    lines.push(`  why:   ${shown(why)}`);
  }
  if (error.hint) lines.push(`  hint:  ${shown(error.hint)}`);
  return lines;
}

/** `file:line:column`, the line itself and a caret under what is meant. */
function describePlace(at: SourceLocation | string, colors: Colors): string[] {
  if (typeof at === 'string') return [`  at ${shown(at)}`];
  const excerpt = renderExcerpt(at, painter(colors)).split('\n').filter(Boolean);
  return [colors.cyan(`${at.file}:${at.line}:${at.column}`), ...excerpt].map((line) => `  ${line}`);
}

function painter({ red, yellow, cyan, dim, bold }: Colors): Paint {
  const paints = { error: red, warning: yellow, place: cyan, gutter: dim, hint: bold };
  return (role, text) => paints[role](text);
}

function toKnownError(error: unknown): HyperfileError {
  if (error instanceof HyperfileError) return error;
  if (systemCode(error) === 'ENOSPC') {
    const path = (error as { path?: string }).path ?? 'the store';
    return new HyperfileError('DISK_FULL', { data: { path }, cause: error });
  }
  const problem = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new HyperfileError('CLI_INTERNAL', { data: { problem: problem.split('\n', 1)[0] }, cause: error });
}

/** The one-line reason below an error, when it says something that the message does not. */
function causeOf(error: HyperfileError): string | undefined {
  if (!(error.cause instanceof Error) || error.code === 'CLI_INTERNAL') return undefined;
  const text = error.cause.message.split('\n', 1)[0] ?? '';
  return text === '' || error.message.includes(text) ? undefined : text;
}

function errorRecord(error: HyperfileError): object {
  const { code, message, exitStatus, at, hint, data } = error;
  const record = { type: 'error', code, message, exitStatus, at, hint, data, page: errorPage(code) };
  if (!(error instanceof RecipeError)) return record;
  const { source, fileName } = error.recipe;
  const diagnostics = error.diagnostics.map(({ range, ...diagnostic }) => ({
    ...diagnostic,
    at: locate(source, fileName, range),
  }));
  return { ...record, diagnostics };
}

/** Under `--progress json`, and under `--format json` where that means events, too. */
function wantsJson(argv: readonly string[]): boolean {
  const verb = argv.find((argument) => !argument.startsWith('-')) ?? '';
  const options = TRANSFER_VERBS.has(verb) ? ['--progress', '--format'] : ['--progress'];
  return options.some((option) =>
    argv.some((argument, index) =>
      argument === option ? argv[index + 1] === 'json' : argument === `${option}=json`,
    ),
  );
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? '' : `\ncaused by ${stackOf(error.cause)}`;
  return `${error.stack ?? error.message}${cause}`;
}
