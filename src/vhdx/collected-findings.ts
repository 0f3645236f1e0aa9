/** Takes down what readers find, as much of it as anybody would read. */
import type { ErrorCode } from '../base/codes/index.ts';
import { isHyperfileError, type HyperfileError } from '../base/error.ts';
import { GivenUp, type Finding, type Findings, type Severity } from './findings.ts';

/** Findings of one code that are kept; a damaged block table may have millions. */
const MAX_LISTED = 1000;

export class CollectedFindings implements Findings {
  readonly isThorough = true;
  readonly #listed: Finding[] = [];
  readonly #countOf = new Map<ErrorCode, number>();
  readonly #counts: Record<Severity, number> = { error: 0, warning: 0, note: 0 };

  report(finding: Finding): void {
    const count = (this.#countOf.get(finding.code) ?? 0) + 1;
    this.#countOf.set(finding.code, count);
    this.#counts[finding.severity]++;
    if (count <= MAX_LISTED) this.#listed.push(finding);
  }

  /** In the order in which they were found; at most 1000 of a code. */
  get listed(): readonly Finding[] {
    return this.#listed;
  }

  /** How many there are of each severity, those that are not listed included. */
  get counts(): Readonly<Record<Severity, number>> {
    return this.#counts;
  }

  /** How many of each code are not listed. */
  unlisted(): Map<ErrorCode, number> {
    const many = [...this.#countOf].filter(([, count]) => count > MAX_LISTED);
    return new Map(many.map(([code, count]) => [code, count - MAX_LISTED]));
  }

  /** The result of `read`, or nothing when it came to an end early; why is taken down. */
  whole<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (isHyperfileError(error)) this.report(findingOf(error));
      else if (!(error instanceof GivenUp)) throw error;
      return undefined;
    }
  }
}

/** An error that ended the reading of a file. */
function findingOf({ code, data }: HyperfileError): Finding {
  const { fileOffset } = data;
  const path = typeof data.path === 'string' ? data.path : '';
  return {
    code,
    severity: 'error',
    fileOffset: typeof fileOffset === 'number' ? fileOffset : 0,
    data: { ...data, path },
  };
}
