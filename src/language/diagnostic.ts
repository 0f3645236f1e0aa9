/** What is wrong with a recipe, as data; render.ts makes text of it. */
import type { ErrorCode } from '../base/codes/index.ts';
import type { SourceRange } from './ast.ts';

export interface Diagnostic {
  readonly code: ErrorCode;
  /** Of a warning: the rule's name, as `# check=skip=` takes it. */
  readonly rule?: string;
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly range: SourceRange;
  /** What to do: "did you mean RUN?". */
  readonly hint?: string;
}
