/**
 * What readers have to say about a file. They report every rule that is broken; who listens decides what happens: strict
 * opening throws the first error and does not care about the rest, a check takes everything down and lets the reader go on.
 */
import type { ErrorCode } from '../base/codes/index.ts';
import type { ErrorData, HyperfileError } from '../base/error.ts';
import { problemAt } from './problems.ts';

/** What can be put right without guessing. */
export type RepairKind =
  | 'headers'
  | 'region-tables'
  | 'region-flags'
  | 'replay-log'
  | 'clear-log'
  | 'bat-entries'
  | 'file-length'
  | 'parent-paths';

/**
 * An error makes the file unreadable. A warning is tolerated by us, but is not as it should be. A note is only worth
 * knowing.
 */
export type Severity = 'error' | 'warning' | 'note';

export interface Finding {
  readonly code: ErrorCode;
  readonly severity: Severity;
  /** Where in the file it is. */
  readonly fileOffset: number;
  /** Fills the message of the code; always with the `path` of the file. */
  readonly data: ErrorData & { readonly path: string };
  readonly repair?: RepairKind;
}

export interface Findings {
  /** False when only errors matter: then readers look at no more than they need. */
  readonly isThorough: boolean;
  /** @throws HyperfileError of the finding, when it is an error and reading must not go on */
  report(finding: Finding): void;
}

/** Ends the reading of a file about which enough was reported; nobody who throws the first error gets to see it. */
export class GivenUp extends Error {}

/** For opening: the first error is thrown. */
export const STRICT: Findings = {
  isThorough: false,
  report(finding) {
    if (finding.severity === 'error') throw errorOf(finding);
  },
};

/** A finding as the error that strict opening throws. */
export function errorOf({ code, fileOffset, data }: Finding): HyperfileError {
  return problemAt(code, data.path, fileOffset, data);
}

/** A rule is broken. */
export function errorAt(code: ErrorCode, path: string, fileOffset: number, data: ErrorData = {}): Finding {
  return { code, severity: 'error', fileOffset, data: { path, ...data } };
}

/** Something is not as it should be; `repair` is there when it can be put right. */
export function warningAt(
  code: ErrorCode,
  path: string,
  fileOffset: number,
  data: ErrorData = {},
  repair?: RepairKind,
): Finding {
  return { code, severity: 'warning', fileOffset, data: { path, ...data }, ...(repair && { repair }) };
}

/** Something is worth knowing. */
export function noteAt(code: ErrorCode, path: string, fileOffset: number, data: ErrorData = {}): Finding {
  return { code, severity: 'note', fileOffset, data: { path, ...data } };
}
