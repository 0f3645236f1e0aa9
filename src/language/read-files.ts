/** COPY and ADD: sources, of which some may be heredocs, and a destination. */
import type { CopySource, Heredoc, Word } from './ast.ts';
import { checkLiteral, flagIsSet, flagValue } from './flags.ts';
import type { HeredocMark } from './heredoc.ts';
import type { Line } from './line.ts';
import type { FieldsOf } from './read-instruction.ts';

const OCTAL_MODE = /^[0-7]{1,5}$/;
const SYMBOLIC_MODE = /^[ugoa]*[-+=][rwxXstugo]*(?:,[ugoa]*[-+=][rwxXstugo]*)*$/;
const CHECKSUM = /^sha256:[0-9a-fA-F]{64}$/;

export function readCopy(line: Line): FieldsOf<'COPY'> | undefined {
  const files = readFiles(line);
  const from = flagValue(line, 'from');
  return files && { ...files, ...(from && { from }) };
}

export function readAdd(line: Line): FieldsOf<'ADD'> | undefined {
  const files = readFiles(line);
  const checksum = flagValue(line, 'checksum');
  checkLiteral(line, 'checksum', (value) => CHECKSUM.test(value));
  return files && { ...files, ...(checksum && { checksum: line.checked(checksum) }) };
}

function readFiles(line: Line): Omit<FieldsOf<'COPY'>, 'from'> | undefined {
  const [others] = line.tokens('JsonOfOthers');
  if (others) return line.error('LANG_JSON', line.word(others).range);
  checkLiteral(line, 'chmod', (value) => OCTAL_MODE.test(value) || SYMBOLIC_MODE.test(value));
  const sources = readSources(line);
  const last = sources.pop();
  if (last?.type === 'heredoc') return line.error('LANG_HEREDOC_PLACE', last.heredoc.range);
  if (last === undefined || sources.length === 0) return line.needsArguments();
  const chown = flagValue(line, 'chown');
  const chmod = flagValue(line, 'chmod');
  return {
    sources,
    destination: last.word,
    link: flagIsSet(line, 'link'),
    ...(chown && { chown: line.checked(chown) }),
    ...(chmod && { chmod: line.checked(chmod) }),
  };
}

/** All arguments, the destination too. */
function readSources(line: Line): CopySource[] {
  const path = (word: Word): CopySource => ({ type: 'path', word: line.checked(word) });
  if (line.has('JsonOpen')) return line.jsonWords().map(path);
  const heredocs = new Map(line.heredocs.map((heredoc) => [heredoc.range.start.offset, heredoc]));
  return line.tokens('Word').map((token) => {
    const heredoc = heredocs.get((token.payload as HeredocMark[] | undefined)?.[0]?.start ?? -1);
    return heredoc ? heredocSource(line, heredoc) : path(line.word(token));
  });
}

function heredocSource(line: Line, heredoc: Heredoc): CopySource {
  const { name, range, expand, bodyRange, body } = heredoc;
  if (/[/\\\0]/.test(name) || name === '.' || name === '..') {
    line.error('LANG_HEREDOC_NAME', range, { data: { name } });
  }
  if (expand) line.checkedText({ raw: body, range: bodyRange });
  return { type: 'heredoc', heredoc };
}
