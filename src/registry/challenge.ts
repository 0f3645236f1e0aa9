/** What a server says it wants to see before it answers: the WWW-Authenticate header (RFC 9110, section 11.6.1). */

export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string;
  /** Names in lower case. */
  readonly parameters: Readonly<Record<string, string>>;
}

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const SEPARATORS = /[\s,]*/y;
const BLANKS = /[ \t]*/y;
const SCHEME = new RegExp(TOKEN, 'y');
/** Some servers leave quotes out around values that are no tokens. */
const PARAMETER = new RegExp(
  `(${TOKEN})[ \\t]*=[ \\t]*(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s,"=][^\\s,"]*))`,
  'y',
);
/** What some schemes have in place of parameters. */
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y;
const UP_TO_COMMA = /[^,]+/y;
/** Longer headers are nobody's. */
const MAX_CHARACTERS = 16_384;

/** All challenges of a header's value, or of several joined with commas. What cannot be understood is passed over. */
export function parseChallenges(header: string): Challenge[] {
  const text = header.slice(0, MAX_CHARACTERS);
  const challenges: Challenge[] = [];
  let position = 0;
  const take = (pattern: RegExp): RegExpExecArray | null => {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match) position = pattern.lastIndex;
    return match;
  };
  for (take(SEPARATORS); position < text.length; take(SEPARATORS)) {
    const scheme = take(SCHEME)?.[0].toLowerCase();
    if (scheme === undefined) {
      take(UP_TO_COMMA);
      continue;
    }
    // Without a prototype `__proto__` is a name like any other.
    const parameters = Object.create(null) as Record<string, string>;
    challenges.push({ scheme, parameters });
    take(BLANKS);
    if (take(TOKEN68)) continue;
    take(SEPARATORS);
    for (let match = take(PARAMETER); match; match = take(PARAMETER)) {
      const [, name = '', quoted, bare = ''] = match;
      parameters[name.toLowerCase()] = quoted === undefined ? bare : quoted.replace(/\\(.)/g, '$1');
      take(SEPARATORS);
    }
  }
  return challenges;
}
