/** What is wrong with a recipe, as data; render.ts makes text of it. */
import { ERROR_CODES, type ErrorCode } from '../base/codes/index.ts';
import { fillTemplate, type ErrorData, type SourceLocation } from '../base/error.ts';
import type { SourceRange } from './ast.ts';

export interface Diagnostic {
  readonly code: ErrorCode;
  /** Of a check: its name, as `# check=skip=` takes it. */
  readonly rule?: string;
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly range: SourceRange;
  /** What to do: "did you mean RUN?". */
  readonly hint?: string;
}

/** Nobody reads more; a file that is no recipe at all could have one a line. */
export const MAX_DIAGNOSTICS = 1000;

export interface DiagnosticOptions {
  readonly data?: ErrorData;
  readonly hint?: string | undefined;
}

/** An error at a place; its message is the code's own. */
export function errorAt(code: ErrorCode, range: SourceRange, options: DiagnosticOptions = {}): Diagnostic {
  const message = fillTemplate(ERROR_CODES[code].message, options.data ?? {});
  return {
    code,
    severity: 'error',
    message,
    range,
    ...(options.hint !== undefined && { hint: options.hint }),
  };
}

/** "did you mean NAME?", when something near is known. */
export function didYouMean(name: string | undefined): string | undefined {
  return name === undefined ? undefined : `did you mean ${name}?`;
}

/** Where a range begins, with the line as it stands in the source. A range over several lines marks only the first. */
export function locate(source: string, fileName: string, range: SourceRange): SourceLocation {
  const { start, end } = range;
  const text = lineAround(source, start.offset);
  const endColumn = end.line === start.line ? end.column : text.length + 1;
  return {
    file: fileName,
    line: start.line,
    column: start.column,
    endColumn: Math.max(endColumn, start.column + 1),
    text,
  };
}

function lineAround(source: string, offset: number): string {
  const start = offset === 0 ? 0 : source.lastIndexOf('\n', offset - 1) + 1;
  const end = source.indexOf('\n', offset);
  return source.slice(start, end === -1 ? undefined : end).replace(/^\uFEFF|\r+$/g, '');
}
