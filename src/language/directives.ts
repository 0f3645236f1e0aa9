/** `# name=value` at the very top of a recipe, and `# check=` above an instruction. */
import type { CheckDirective, Directives } from './ast.ts';
import { errorAt, type Diagnostic } from './diagnostic.ts';
import type { Positions } from './positions.ts';

const DIRECTIVE = /^[^\S\n]*#\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(\S.*?)\s*$/;
const NAMES = ['syntax', 'escape', 'check'];

export interface DirectivesResult {
  readonly directives: Directives;
  /** Where the directives end; later comments are only comments. */
  readonly end: number;
}

/** The first line that is no directive ends them. Each may stand once. */
export function readDirectives(
  text: string,
  positions: Positions,
  report: (diagnostic: Diagnostic) => void,
): DirectivesResult {
  const values = new Map<string, string>();
  let at = text.startsWith('\uFEFF') ? 1 : 0;
  // A script's first line lets a recipe be run as a program.
  if (text.startsWith('#!', at)) at = lineAfter(text, at);
  while (at < text.length) {
    const next = lineAfter(text, at);
    const line = text.slice(at, next).trimEnd();
    const [, rawName = '', value = ''] = DIRECTIVE.exec(line) ?? [];
    const name = rawName.toLowerCase();
    if (!NAMES.includes(name)) break;
    const problem = values.has(name) ? 'is given twice' : problemOf(name, value);
    if (problem === undefined) values.set(name, value);
    else
      report(errorAt('LANG_DIRECTIVE', positions.range(at, at + line.length), { data: { name, problem } }));
    at = next;
  }
  const syntax = values.get('syntax');
  const directives: Directives = {
    escape: values.get('escape') === '`' ? '`' : '\\',
    ...(syntax !== undefined && { syntax }),
    check: parseCheck(values.get('check') ?? ''),
  };
  return { directives, end: at };
}

/** The rules that a `# check=skip=` comment switches off; none for any other comment. */
export function skippedBy(comment: string): readonly string[] {
  const [, name = '', value = ''] = DIRECTIVE.exec(comment.trimEnd()) ?? [];
  return name.toLowerCase() === 'check' ? parseCheck(value).skip : [];
}

/** `skip=A,B;error=true`; what it does not know it leaves alone. */
function parseCheck(value: string): CheckDirective {
  const parts = new Map(
    value.split(';').map((part) => {
      const [name, setting = ''] = part.split(/=(.*)/s);
      return [name.trim().toLowerCase(), setting.trim()] as const;
    }),
  );
  const skip = (parts.get('skip') ?? '').split(',').map((name) => name.trim());
  return { skip: skip.filter(Boolean), error: parts.get('error')?.toLowerCase() === 'true' };
}

function problemOf(name: string, value: string): string | undefined {
  return name === 'escape' && value !== '\\' && value !== '`' ? `cannot be ${value}` : undefined;
}

function lineAfter(text: string, at: number): number {
  const end = text.indexOf('\n', at);
  return end === -1 ? text.length : end + 1;
}
