import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isHyperfileError } from '../../src/base/error.ts';
import type { Directives, Word } from '../../src/language/ast.ts';
import { expandText, expandWord, expandWords } from '../../src/language/expand.ts';

const variables = {
  HOME: '/home/me',
  EMPTY: '',
  FILE: 'archive.tar.gz',
  PATHS: '/a/b/c',
  LIST: '80 443',
  é: 'accent',
};

function optionsFor(raw: string, escape: Directives['escape'] = '\\') {
  const directives: Directives = { escape, check: { skip: [], error: false } };
  return { recipe: { fileName: 'Hyperfile', source: raw, directives } };
}

function wordOf(raw: string): Word {
  const end = { offset: raw.length, line: 1, column: raw.length + 1 };
  return { raw, range: { start: { offset: 0, line: 1, column: 1 }, end } };
}

const expand = (raw: string, escape?: Directives['escape']): string =>
  expandWord(wordOf(raw), variables, optionsFor(raw, escape));

describe('a word', () => {
  it.each([
    ['plain', 'plain'],
    ["he'll'o", 'hello'],
    ['"a b"c', 'a bc'],
    ["'$HOME'", '$HOME'],
    ['"$HOME"', '/home/me'],
    ['\\$HOME', '$HOME'],
    ['"\\$HOME"', '$HOME'],
    ["'\\$HOME'", '\\$HOME'],
    ['a\\bc', 'abc'],
    ['"a\\bc"', 'a\\bc'],
    ['"a\\\\b\\"c"', 'a\\b"c'],
    ['end\\', 'end'],
    ['$HOME/x', '/home/me/x'],
    ['${HOME}x', '/home/mex'],
    ['$HOMEx', ''],
    ['$é', 'accent'],
    ['$.', '$.'],
    ['a$', 'a$'],
    ['$1x', 'x'],
    ['$@$*$#', ''],
    ['${MISSING}', ''],
  ])('%s becomes %s', (raw, expected) => {
    expect(expand(raw)).toBe(expected);
  });

  it.each([
    ['${MISSING:-w}', 'w'],
    ['${EMPTY:-w}', 'w'],
    ['${EMPTY-w}', ''],
    ['${HOME:-w}', '/home/me'],
    ['${HOME:+w}', 'w'],
    ['${EMPTY:+w}', ''],
    ['${EMPTY+w}', 'w'],
    ['${MISSING+w}', ''],
    ['${HOME:?m}', '/home/me'],
    ['${EMPTY?m}', ''],
    ['${MISSING:-${HOME}/x}', '/home/me/x'],
    ['${MISSING:-"a } b"}', 'a } b'],
    ['${MISSING:-a\\}b}', 'a}b'],
    ['"${MISSING:-a b}"', 'a b'],
    ['${FILE#*.}', 'tar.gz'],
    ['${FILE##*.}', 'gz'],
    ['${FILE%.*}', 'archive.tar'],
    ['${FILE%%.*}', 'archive'],
    ['${FILE%.?z}', 'archive.tar'],
    ['${FILE#x}', 'archive.tar.gz'],
    ['${PATHS/\\//-}', '-a/b/c'],
    ['${PATHS//\\//-}', '-a-b-c'],
    ['${PATHS//[a]/x}', '/a/b/c'],
    ['${PATHS/b*/x}', '/a/x'],
    ['${FILE//a?/_}', '_chive.t_.gz'],
    ['${MISSING#x}', ''],
  ])('with a form: %s becomes %s', (raw, expected) => {
    expect(expand(raw)).toBe(expected);
  });

  it('takes the escape character of the recipe', () => {
    expect(expand('`$HOME\\x', '`')).toBe('$HOME\\x');
    expect(expand('"C:\\dir`""', '`')).toBe('C:\\dir"');
  });

  it.each([
    ['"open', 'LANG_QUOTE', 1],
    ["a'open", 'LANG_QUOTE', 2],
    ['x${', 'LANG_SUBSTITUTION', 2],
    ['${HOME', 'LANG_SUBSTITUTION', 1],
    ['${}', 'LANG_SUBSTITUTION', 1],
    ['${HOME:x}', 'LANG_SUBSTITUTION', 1],
    ['${HOME:=x}', 'LANG_SUBSTITUTION', 1],
    ['${HOME^^}', 'LANG_SUBSTITUTION', 1],
    ['${#HOME}', 'LANG_SUBSTITUTION', 1],
    ['${HOME:#x}', 'LANG_SUBSTITUTION', 1],
    ['${HOME/x}', 'LANG_SUBSTITUTION', 1],
    ['${HOME#\\a}', 'LANG_SUBSTITUTION', 1],
    ['a${MISSING:?say so}', 'LANG_VARIABLE_REQUIRED', 2],
    ['${EMPTY:?}', 'LANG_VARIABLE_REQUIRED', 1],
    ['${MISSING?}', 'LANG_VARIABLE_REQUIRED', 1],
  ] as const)('%s is refused with %s, pointing at column %i', (raw, code, column) => {
    let caught: unknown;
    try {
      expand(raw);
    } catch (error) {
      caught = error;
    }
    expect(isHyperfileError(caught, code)).toBe(true);
    expect(caught).toMatchObject({ at: { line: 1, column } });
  });

  it('that would grow without end is refused', () => {
    const long = 'x'.repeat(1024 * 1024);
    expect(() => expandWord(wordOf('$A$A'), { A: long }, optionsFor('$A$A'))).toThrow(/too long/);
    const deep = '${A:-'.repeat(5000);
    expect(() => expandWord(wordOf(deep), {}, optionsFor(deep))).toThrow(/too deep/);
  });

  it('names the variables that have no value, unless the form provides for it', () => {
    const raw = 'a$ONE-${TWO}-${THREE:-x}-${FOUR+y}-$HOME';
    const missing: string[] = [];
    const onUndefined = (name: string, { start }: { start: { column: number } }): void => {
      missing.push(`${name}@${start.column}`);
    };
    expandWord(wordOf(raw), variables, { ...optionsFor(raw), onUndefined });
    expect(missing).toEqual(['ONE@2', 'TWO@7']);
  });

  it('without quotes, escapes and variables is itself', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const plain = text.replace(/['"$\\]/g, '');
        expect(expand(plain)).toBe(plain);
      }),
    );
  });

  it('in single quotes is what stands between them', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const inside = text.replaceAll("'", '');
        expect(expand(`'${inside}'`)).toBe(inside);
      }),
    );
  });
});

describe('a list of words', () => {
  it.each([
    ['$LIST', ['80', '443']],
    ['"$LIST"', ['80 443']],
    ['a$LIST', ['a80', '443']],
    ['$EMPTY', []],
    ["''", ['']],
    ['a\\ b c', ['a b', 'c']],
  ])('%s is cut after variables are filled in', (raw, expected) => {
    expect(expandWords(wordOf(raw), variables, optionsFor(raw))).toEqual(expected);
  });
});

describe("a heredoc's body", () => {
  it('keeps its quotes, fills in its variables, and takes escapes off', () => {
    const body = "it's \"$HOME\" '$HOME' \\$HOME\n";
    expect(expandText(wordOf(body), variables, optionsFor(body))).toBe(
      "it's \"/home/me\" '/home/me' $HOME\n",
    );
  });
});
