/**
 * The patterns of `${name#pattern}`, `${name%pattern}` and `${name/pattern/text}`: `*` is any text, `?` any one
 * character, `\` takes the meaning off the next. Matched by following all states at once, so no pattern is slow.
 */

/** One element of a pattern: a literal character, `any` one, or any number of them. */
type Element = { readonly literal: string } | 'any' | 'many';

export type Pattern = readonly Element[];

/** Undefined when `\` stands before something that has no special meaning. */
export function parsePattern(text: string): Pattern | undefined {
  const elements: Element[] = [];
  const characters = [...text];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at];
    if (character === '*') elements.push('many');
    else if (character === '?') elements.push('any');
    else if (character === '\\') {
      const escaped = characters[++at] ?? '';
      if (!['*', '?', '\\', '}', '/'].includes(escaped)) return undefined;
      elements.push({ literal: escaped });
    } else elements.push({ literal: character });
  }
  return elements;
}

/** The value without what the pattern matches at its start, as much (`longest`) or as little as possible. */
export function trimStart(value: string, pattern: Pattern, longest: boolean): string {
  const characters = [...value];
  return characters.slice(matchEnd(characters, 0, pattern, longest) ?? 0).join('');
}

/** The same at its end. */
export function trimEnd(value: string, pattern: Pattern, longest: boolean): string {
  const characters = [...value].reverse();
  const end = matchEnd(characters, 0, pattern.toReversed(), longest) ?? 0;
  return characters.slice(end).reverse().join('');
}

/** The value with its first match, or every match, replaced; each match as long as it can be. */
export function replacePattern(value: string, pattern: Pattern, replacement: string, all: boolean): string {
  const characters = [...value];
  const starts = matchStarts(characters, pattern);
  let result = '';
  for (let at = 0; at < characters.length;) {
    const end = starts[at] ? (matchEnd(characters, at, pattern, true) ?? at) : at;
    if (end === at) {
      result += characters[at++];
      continue;
    }
    result += replacement;
    at = end;
    if (!all) return result + characters.slice(at).join('');
  }
  return result;
}

/** Where a match that begins at `start` ends; undefined when there is none. */
function matchEnd(
  characters: readonly string[],
  start: number,
  pattern: Pattern,
  longest: boolean,
): number | undefined {
  let states = closure(new Set([0]), pattern);
  let end = states.has(pattern.length) ? start : undefined;
  for (let at = start; at < characters.length && states.size > 0; at++) {
    if (end !== undefined && !longest) return end;
    states = step(states, characters[at], pattern);
    if (states.has(pattern.length)) end = at + 1;
  }
  return end;
}

/** For every place whether a match begins there: the reversed pattern, run over the reversed text from every place. */
function matchStarts(characters: readonly string[], pattern: Pattern): boolean[] {
  const reversed = pattern.toReversed();
  const starts = new Array<boolean>(characters.length).fill(false);
  let states = closure(new Set([0]), reversed);
  for (let at = characters.length - 1; at >= 0; at--) {
    states = step(states.add(0), characters[at], reversed);
    starts[at] = states.has(reversed.length);
  }
  return starts;
}

function step(states: ReadonlySet<number>, character: string, pattern: Pattern): Set<number> {
  const next = new Set<number>();
  for (const state of states) {
    const element = pattern[state];
    if (element === undefined) continue;
    if (element === 'many') next.add(state);
    else if (element === 'any' || element.literal === character) next.add(state + 1);
  }
  return closure(next, pattern);
}

/** `*` may stand for nothing: whoever is before it is also behind it. */
function closure(states: Set<number>, pattern: Pattern): Set<number> {
  for (const state of states) if (pattern[state] === 'many') states.add(state + 1);
  return states;
}
