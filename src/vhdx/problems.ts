/** Errors about one file, each with the place in it. */
import type { ErrorCode } from '../base/codes/index.ts';
import { HyperfileError } from '../base/error.ts';

/** An error of `code` about what lies at `fileOffset` of `path`. */
export function problemAt(
  code: ErrorCode,
  path: string,
  fileOffset: number,
  problem: string,
): HyperfileError {
  return new HyperfileError(code, { data: { path, problem }, at: `byte ${fileOffset} of ${path}` });
}
