/** What RUN, CMD, ENTRYPOINT, HEALTHCHECK CMD and SHELL run. */
import type { Command, ScriptCommand, SourceRange } from './ast.ts';
import type { Line } from './line.ts';

/** A JSON array or a line for the shell. Undefined, and reported, for an array of other things. */
export function readCommand(line: Line): Command | undefined {
  const [others] = line.tokens('JsonOfOthers');
  if (others) return line.error('LANG_JSON', line.word(others).range);
  if (line.has('JsonOpen')) {
    return { form: 'exec', argv: line.jsonWords().map((word) => word.raw), range: arrayRange(line) };
  }
  const [token] = line.tokens('Text');
  const { raw, range } = line.word(token);
  const heredocs = line.heredocs.map(({ body, name }) => `\n${body}${name}`);
  return { form: 'shell', line: raw + heredocs.join(''), range };
}

/** As {@link readCommand}; a heredoc alone is a script. */
export function readRunCommand(line: Line): Command | ScriptCommand | undefined {
  const [heredoc] = line.heredocs;
  const [text] = line.tokens('Text');
  if (!heredoc || line.word(text).range.end.offset !== heredoc.range.end.offset) return readCommand(line);
  if (heredoc.range.start.offset !== text.startOffset) return readCommand(line);
  const shebang = /^#!(.*)/.exec(heredoc.body)?.[1];
  return { form: 'script', heredoc, range: heredoc.range, ...(shebang !== undefined && { shebang }) };
}

export function arrayRange(line: Line): SourceRange {
  const [open] = line.tokens('JsonOpen');
  const [close] = line.tokens('JsonClose');
  return line.source.positions.range(open.startOffset, close.startOffset + 1);
}
