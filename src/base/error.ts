/** The one error class: a code of the table, what it happened to, where, and what to do. */
import { ERROR_CODES, type ErrorCode } from './codes/index.ts';
import type { ErrorEntry, ExitStatus } from './error-entry.ts';

/** A place in a recipe. Lines and columns count from 1; `text` is the line itself. */
export interface SourceLocation {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** One past the last column of what is marked, on the same line. */
  readonly endColumn?: number;
  readonly text?: string;
}

export type ErrorData = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export interface ErrorOptions {
  /** Fills the `{name}` places of the code's message; part of `--format json` output. */
  readonly data?: ErrorData;
  /** A place in a recipe, or any other address ("byte 65536 of base.vhdx"). */
  readonly at?: SourceLocation | string;
  /** What to do, when there is something better to say than the table does. */
  readonly hint?: string;
  readonly cause?: unknown;
}

export class HyperfileError extends Error {
  override readonly name = 'HyperfileError';
  readonly code: ErrorCode;
  readonly exitStatus: ExitStatus;
  readonly data: ErrorData;
  readonly at: SourceLocation | string | undefined;
  readonly hint: string;

  constructor(code: ErrorCode, options: ErrorOptions = {}) {
    const entry: ErrorEntry = ERROR_CODES[code];
    const data = options.data ?? {};
    super(
      fillTemplate(entry.message, data),
      options.cause === undefined ? undefined : { cause: options.cause },
    );
    this.code = code;
    this.exitStatus = entry.exit;
    this.data = data;
    this.at = options.at;
    this.hint = options.hint ?? fillTemplate(entry.todo, data);
  }

  /** The same error at a place in a recipe; an address it had before stays in its data as `where`. */
  located(at: SourceLocation): HyperfileError {
    if (typeof this.at === 'object') return this;
    const data = this.at === undefined ? this.data : { ...this.data, where: this.at };
    const cause = this.cause === undefined ? {} : { cause: this.cause };
    return new HyperfileError(this.code, { data, at, hint: this.hint, ...cause });
  }
}

/** True for an error of ours, with one of the given codes when any are named. */
export function isHyperfileError(error: unknown, ...codes: ErrorCode[]): error is HyperfileError {
  return error instanceof HyperfileError && (codes.length === 0 || codes.includes(error.code));
}

/** The system's code of a Node error (`ENOENT`, `EEXIST`, ...), if it has one. */
export function systemCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** Puts the data into the `{name}` places of a message; a place without data stays. */
export function fillTemplate(template: string, data: ErrorData): string {
  return template.replace(/\{(\w+)\}/g, (place, name: string) => {
    const value = data[name];
    if (value === undefined) return place;
    return Array.isArray(value) ? value.join(', ') : String(value);
  });
}
