/** What the error table holds for one code. The pages under docs/errors/ are generated from these entries. */
export interface ErrorEntry {
  /** Exit status of the command line when this error ends it (see {@link ExitStatus}). */
  readonly exit: ExitStatus;
  /** One sentence for people; `{name}` is replaced by that field of the error's data. */
  readonly message: string;
  /** Why this happens, for the error's page. */
  readonly why: string;
  /** What to do about it: the hint printed under the message unless the error brings a better one. */
  readonly todo: string;
}

/**
 * 1 a step failed, 2 usage, 3 the recipe is wrong, 4 corrupt data, 5 something the driver needs is missing,
 * 6 registry, 130 interrupted.
 */
export type ExitStatus = 1 | 2 | 3 | 4 | 5 | 6 | 130;

/** Keeps the keys of a table as a literal type while checking every entry. */
export function errorTable<const T extends Record<string, ErrorEntry>>(table: T): T {
  return table;
}
