/** Checks an instruction's flags against the table and finds them by name. */
import { suggest } from '../base/suggest.ts';
import type { Flag, Word } from './ast.ts';
import { didYouMean } from './diagnostic.ts';
import { ruleOf, type FlagRule } from './instructions.ts';
import type { Line } from './line.ts';

/** Reports every flag that is unknown, unsupported, given twice or without its value. */
export function checkFlags(line: Line): void {
  const rules = ruleOf(line.keyword).flags ?? {};
  const seen = new Set<string>();
  for (const flag of line.flags) {
    const rule = Object.hasOwn(rules, flag.name) ? rules[flag.name] : undefined;
    if (!rule) {
      const near = suggest(flag.name, Object.keys(rules));
      line.error('LANG_UNKNOWN_FLAG', flag.range, {
        data: { flag: flag.name },
        hint: didYouMean(near && `--${near}`),
      });
    } else checkFlag(line, flag, rule, seen.has(flag.name));
    seen.add(flag.name);
  }
}

/** The value of a text flag that was given one. */
export function flagValue(line: Line, name: string): Word | undefined {
  return line.flags.find((flag) => flag.name === name)?.value;
}

export function hasFlag(line: Line, name: string): boolean {
  return line.flags.some((flag) => flag.name === name);
}

/** Whether a yes-or-no flag is set. */
export function flagIsSet(line: Line, name: string): boolean {
  const flag = line.flags.find((candidate) => candidate.name === name);
  return flag !== undefined && (flag.value === undefined || isTrue(flag.value));
}

/** Reports a literal value that the test refuses; one with variables is for whoever fills them in. */
export function checkLiteral(line: Line, name: string, test: (value: string) => boolean): void {
  const value = flagValue(line, name);
  if (value === undefined || value.raw === '' || value.raw.includes('$') || test(value.raw)) return;
  wrongValue(line, name, value);
}

export function wrongValue(line: Line, name: string, value: Word): void {
  const expected = ruleOf(line.keyword).flags?.[name]?.value ?? 'true or false';
  line.error('LANG_FLAG_VALUE', value.range, { data: { flag: name, value: value.raw, expected } });
}

function checkFlag(line: Line, flag: Flag, rule: FlagRule, again: boolean): void {
  const { name, value, range } = flag;
  if (rule.unsupported) {
    line.error('LANG_UNSUPPORTED', range, { data: { what: `${line.keyword} --${name}` } });
  } else if (again && !rule.repeats) {
    line.error('LANG_DUPLICATE_FLAG', range, { data: { flag: name } });
  } else if (rule.value === undefined) {
    if (value !== undefined && !isTrue(value) && value.raw.toLowerCase() !== 'false')
      wrongValue(line, name, value);
  } else if (value === undefined || value.raw === '') {
    line.error('LANG_FLAG_VALUE', range, { data: { flag: name, value: 'empty', expected: rule.value } });
  }
}

function isTrue(value: Word): boolean {
  return value.raw.toLowerCase() === 'true';
}
