/** Wildcards of COPY sources (Go's filepath.Match) and of ignore files (the same, and `**`). */

const WILDCARD = /[*?[]/;

/** True when a pattern holds an unescaped wildcard. */
export function hasWildcard(pattern: string): boolean {
  return WILDCARD.test(pattern.replace(/\\./gs, ''));
}

export interface WildcardOptions {
  /** `**` is any number of whole directories. */
  readonly acrossDirectories?: boolean;
  readonly ignoreCase?: boolean;
}

/**
 * A regular expression for one pattern: `*` and `?` stop at `/`, `[a-z]` and `[^a-z]` are classes, a backslash makes
 * the next character literal, `**` (when `acrossDirectories`) is any number of whole directories.
 * Undefined: the pattern is malformed.
 */
export function compileWildcard(
  pattern: string,
  { acrossDirectories = false, ignoreCase = false }: WildcardOptions = {},
): RegExp | undefined {
  const characters = Array.from(pattern);
  let source = '';
  for (let at = 0; at < characters.length;) {
    const piece =
      acrossDirectories && characters[at] === '*' && characters[at + 1] === '*'
        ? doubleStar(characters, at)
        : onePiece(characters, at);
    if (!piece) return undefined;
    source += piece.source;
    at = piece.next;
  }
  try {
    return new RegExp(`^${source}$`, ignoreCase ? 'usi' : 'us');
  } catch {
    return undefined;
  }
}

interface Piece {
  readonly source: string;
  readonly next: number;
}

function doubleStar(characters: readonly string[], at: number): Piece {
  const next = characters[at + 2] === '/' ? at + 3 : at + 2;
  return { source: next >= characters.length ? '.*' : '(?:.*/)?', next };
}

function onePiece(characters: readonly string[], at: number): Piece | undefined {
  const character = characters[at] ?? '';
  if (character === '*') return { source: '[^/]*', next: at + 1 };
  if (character === '?') return { source: '[^/]', next: at + 1 };
  if (character === '[') return characterClass(characters, at + 1);
  if (character !== '\\') return { source: literal(character), next: at + 1 };
  const escaped = characters[at + 1];
  return escaped === undefined ? undefined : { source: literal(escaped), next: at + 2 };
}

function characterClass(characters: readonly string[], start: number): Piece | undefined {
  let at = start;
  const negated = characters[at] === '^';
  if (negated) at++;
  let ranges = '';
  while (characters[at] !== ']' || ranges === '') {
    const low = classMember(characters, at);
    if (!low) return undefined;
    at = low.next;
    ranges += low.source;
    if (characters[at] === '-') {
      const high = classMember(characters, at + 1);
      if (!high) return undefined;
      at = high.next;
      ranges += '-' + high.source;
    }
  }
  return { source: `(?!/)[${negated ? '^' : ''}${ranges}]`, next: at + 1 };
}

function classMember(characters: readonly string[], at: number): Piece | undefined {
  const character = characters[at];
  if (character === undefined || character === '-' || character === ']') return undefined;
  if (character !== '\\') return { source: literal(character), next: at + 1 };
  const escaped = characters[at + 1];
  return escaped === undefined ? undefined : { source: literal(escaped), next: at + 2 };
}

function literal(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
