/** Errors about one file, each with the place in it. */
import type { ErrorCode } from '../base/codes/index.ts';
import { HyperfileError, type ErrorData } from '../base/error.ts';

/** An error of `code` about what lies at `fileOffset` of `path`; `data` fills the rest of its message. */
export function problemAt(
  code: ErrorCode,
  path: string,
  fileOffset: number,
  data: ErrorData = {},
): HyperfileError {
  return new HyperfileError(code, {
    data: { path, fileOffset, ...data },
    at: `byte ${fileOffset} of ${path}`,
  });
}
