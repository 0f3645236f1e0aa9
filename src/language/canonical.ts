/** An instruction in canonical form, for history and cache keys: what does not change its meaning is gone. */
import type { Line } from './line.ts';
import { legacyPair } from './pairs.ts';

/** Upper-case keyword, flags, arguments on one line; then each heredoc's body and end. */
export function canonicalText(line: Line): string {
  const flags = line.tokens('Flag').map((token) => line.word(token).raw);
  const parts = [line.keyword, ...flags, ...(line.has('FlagsEnd') ? ['--'] : []), ...argumentsOf(line)];
  return [parts.join(' '), ...line.heredocs.map(({ body, name }) => `${body}${name}`)].join('\n');
}

function argumentsOf(line: Line): string[] {
  const [health] = [...line.tokens('HealthNone'), ...line.tokens('HealthCmd')];
  const before = health ? [health.image.toUpperCase()] : [];
  if (line.has('JsonOpen')) {
    const strings = line.jsonWords().map((word) => JSON.stringify(word.raw));
    return [...before, `[${strings.join(', ')}]`];
  }
  const words = (legacyPair(line) ?? line.words()).map((word) => word.raw);
  if (line.has('As')) words.splice(1, 0, 'AS');
  const texts = line.tokens('Text').map((token) => line.word(token).raw);
  return [...before, ...words, ...texts];
}
