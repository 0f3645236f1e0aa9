/** Ignore files: which files of a context COPY and ADD do not see. The rules are those of .dockerignore. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { HyperfileError, systemCode } from '../base/error.ts';
import { compileWildcard } from './wildcard.ts';

export interface Ignore {
  /** True for a path (relative, `/` separators) that a rule, or a rule for a directory above it, excludes. */
  ignores(relativePath: string, isDirectory: boolean): boolean;
  /** False when nothing below an excluded directory can be taken back. */
  reincludesBelow(relativePath: string): boolean;
}

interface Rule {
  readonly takesBack: boolean;
  readonly names: readonly string[];
  readonly matches: (relativePath: string) => boolean;
}

/**
 * Parses the text of an ignore file. The last rule that matches a path or one of its directories decides.
 *
 * @throws HyperfileError FS_IGNORE_PATTERN
 */
export function parseIgnore(text: string, file = 'the ignore file'): Ignore {
  const rules = text
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .flatMap((line, index) => parseRule(line, { file, line: index + 1 }));
  return new RuleList(rules);
}

/**
 * The ignore file of a build: `<recipe>.hyperignore` or `<recipe>.dockerignore` beside the recipe, else `.hyperignore`,
 * else `.dockerignore` at the context's root. Undefined when there is none.
 */
export async function loadIgnore(
  contextPath: string,
  recipePath: string | undefined,
): Promise<Ignore | undefined> {
  const candidates = [
    ...(recipePath === undefined ? [] : [`${recipePath}.hyperignore`, `${recipePath}.dockerignore`]),
    path.join(contextPath, '.hyperignore'),
    path.join(contextPath, '.dockerignore'),
  ];
  for (const file of candidates) {
    const text = await readIfThere(file);
    if (text !== undefined) return parseIgnore(text, file);
  }
  return undefined;
}

class RuleList implements Ignore {
  readonly #rules: readonly Rule[];
  readonly #backRules: readonly Rule[];
  /** For each directory seen, which rules match it or one above it. */
  readonly #matchedBy = new Map<string, readonly boolean[]>();

  constructor(rules: readonly Rule[]) {
    this.#rules = rules;
    this.#backRules = rules.filter(({ takesBack }) => takesBack);
  }

  ignores(relativePath: string, isDirectory: boolean): boolean {
    if (this.#rules.length === 0 || relativePath === '') return false;
    const matched = isDirectory ? this.#matchDirectory(relativePath) : this.#match(relativePath);
    const last = matched.lastIndexOf(true);
    return last >= 0 && this.#rules[last]?.takesBack === false;
  }

  reincludesBelow(relativePath: string): boolean {
    const names = relativePath.split('/');
    return this.#backRules.some((rule) => reachesBelow(rule.names, names));
  }

  #match(relativePath: string): readonly boolean[] {
    const slash = relativePath.lastIndexOf('/');
    const above = slash < 0 ? undefined : this.#matchDirectory(relativePath.slice(0, slash));
    return this.#rules.map((rule, index) => above?.[index] === true || rule.matches(relativePath));
  }

  #matchDirectory(relativePath: string): readonly boolean[] {
    let matched = this.#matchedBy.get(relativePath);
    if (!matched) {
      matched = this.#match(relativePath);
      this.#matchedBy.set(relativePath, matched);
    }
    return matched;
  }
}

function parseRule(line: string, where: { file: string; line: number }): Rule[] {
  if (line.startsWith('#')) return [];
  const trimmed = line.trim();
  const takesBack = trimmed.startsWith('!');
  const pattern = cleanPattern(takesBack ? trimmed.slice(1).trim() : trimmed);
  if (trimmed === '' || (pattern === '.' && !takesBack)) return [];
  const matches = trimmed === '!' ? undefined : compileRule(pattern);
  if (!matches) throw new HyperfileError('FS_IGNORE_PATTERN', { data: { ...where, pattern: trimmed } });
  return [{ takesBack, names: pattern.split('/'), matches }];
}

/** `.`, `..`, and doubled, leading and trailing slashes are resolved. */
function cleanPattern(pattern: string): string {
  const clean = path.posix.normalize(pattern);
  return clean.replace(/^\/+(?=.)/, '').replace(/(?<=.)\/+$/, '');
}

function compileRule(pattern: string): Rule['matches'] | undefined {
  // Docker's matcher: what follows a leading `**` without further wildcards may end any name.
  const suffix = /^\*\*(\/?)([^*?[\]\\]*)$/.exec(pattern);
  if (suffix) {
    const [, slash = '', end = ''] = suffix;
    return slash === '' ? (file) => file.endsWith(end) : (file) => file === end || file.endsWith('/' + end);
  }
  const expression = compileWildcard(pattern, { acrossDirectories: true });
  return expression && ((file) => expression.test(file));
}

/** Whether a rule's pattern can match something below a directory. */
function reachesBelow(pattern: readonly string[], directory: readonly string[]): boolean {
  for (const [index, name] of directory.entries()) {
    const part = pattern[index];
    if (part === undefined) return false;
    if (part.includes('**')) return true;
    if (!(compileWildcard(part)?.test(name) ?? false)) return false;
  }
  return pattern.length > directory.length;
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
    throw error;
  }
}
