/**
 * What the client and the disk server say to each other through the control file: one line of JSON each way, for each
 * time the file is opened. An error crosses as the parts of a HyperfileError.
 */
import { HyperfileError, systemCode, type ErrorData, type SourceLocation } from '../base/error.ts';
import { ERROR_CODES, type ErrorCode } from '../base/codes/index.ts';

/** The name of the control file in the mounted folder. */
export const CONTROL_FILE = 'control';

export type ControlRequest =
  | { readonly action: 'hello' }
  | { readonly action: 'add'; readonly chain: readonly string[]; readonly sandboxPath?: string }
  | { readonly action: 'seal'; readonly name: string; readonly nextPath?: string }
  | { readonly action: 'failure'; readonly name: string }
  | { readonly action: 'remove'; readonly name: string };

/** A disk that the server shows as the file `name`. */
export interface AddedDisk {
  readonly name: string;
  readonly sizeBytes: number;
  readonly logicalSectorBytes: number;
}

/** What each request is answered with when nothing failed. */
export interface ControlResults {
  readonly hello: { readonly pid: number };
  readonly add: AddedDisk;
  readonly seal: Record<string, never>;
  readonly failure: { readonly failure?: FailureData };
  readonly remove: Record<string, never>;
}

export type ControlResult<R extends ControlRequest> = ControlResults[R['action']];

export type ControlAnswer =
  { readonly result: ControlResults[keyof ControlResults] } | { readonly failure: FailureData };

/** A HyperfileError as plain data. */
export interface FailureData {
  readonly code: ErrorCode;
  readonly data: ErrorData;
  readonly at?: SourceLocation | string;
  readonly hint?: string;
  readonly cause?: string;
}

/** Any thrown value as data; what is not ours becomes DISK_FULL or FUSE_DISK_FAILED about `path`. */
export function toFailure(error: unknown, path: string): FailureData {
  const ours = error instanceof HyperfileError ? error : wrap(error, path);
  return {
    code: ours.code,
    data: ours.data,
    hint: ours.hint,
    ...(ours.at !== undefined && { at: ours.at }),
    ...(ours.cause !== undefined && { cause: describe(ours.cause) }),
  };
}

/** The error again, on the client's side. */
export function fromFailure(failure: FailureData): HyperfileError {
  if (!Object.hasOwn(ERROR_CODES, failure.code)) {
    return new HyperfileError('FUSE_BAD_ANSWER', { data: { answer: String(failure.code) } });
  }
  return new HyperfileError(failure.code, {
    data: failure.data,
    ...(failure.at !== undefined && { at: failure.at }),
    ...(failure.hint !== undefined && { hint: failure.hint }),
    ...(failure.cause !== undefined && { cause: new Error(failure.cause) }),
  });
}

/** True when the host ran out of space, however that was said. */
export function isDiskFull(error: unknown): boolean {
  if (error instanceof HyperfileError) return error.code === 'DISK_FULL';
  const code = systemCode(error);
  return code === 'ENOSPC' || code === 'EDQUOT';
}

function wrap(error: unknown, path: string): HyperfileError {
  if (isDiskFull(error)) return new HyperfileError('DISK_FULL', { data: { path }, cause: error });
  return new HyperfileError('FUSE_DISK_FAILED', { data: { path, reason: describe(error) }, cause: error });
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
