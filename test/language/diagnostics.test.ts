import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_CODES } from '../../src/base/codes/index.ts';
import { languageCodes } from '../../src/base/codes/language.ts';
import { RULES } from '../../src/language/checks/rules.ts';
import { locate } from '../../src/language/diagnostic.ts';
import { parseRecipe, raiseErrors } from '../../src/language/parse.ts';
import { RecipeError } from '../../src/language/recipe-error.ts';
import { renderDiagnostics, renderExcerpt } from '../../src/language/render.ts';

const parse = (text: string) => parseRecipe(text, 'Hyperfile');
const rulesIn = (text: string) => parse(text).diagnostics.map(({ rule, code }) => rule ?? code);

function raised(text: string): RecipeError {
  try {
    raiseErrors(parse(text));
  } catch (error) {
    if (error instanceof RecipeError) return error;
  }
  throw new Error('nothing was raised');
}

describe('raising errors', () => {
  it('says nothing about a recipe that only has warnings', () => {
    expect(() => raiseErrors(parse('FROM a AS B\n'))).not.toThrow();
  });

  it('raises a single error as itself, with its place and its hint', () => {
    const error = raised('FROM a\nRNU x\n');
    expect(error).toMatchObject({
      code: 'LANG_UNKNOWN_INSTRUCTION',
      exitStatus: 3,
      hint: 'did you mean RUN?',
    });
    expect(error.message).toBe('unknown instruction RNU');
    expect(error.at).toEqual({ file: 'Hyperfile', line: 2, column: 1, endColumn: 4, text: 'RNU x' });
  });

  it('raises several as one that carries them all', () => {
    const error = raised('FROM a\nRNU x\nCOPY y\n');
    expect(error).toMatchObject({ code: 'LANG_ERRORS', exitStatus: 3, message: 'Hyperfile has 2 errors' });
    expect(error.data.problems).toEqual([
      'Hyperfile:2:1: unknown instruction RNU',
      'Hyperfile:3:1: COPY takes at least one source and a destination',
    ]);
    expect(error.diagnostics).toHaveLength(2);
  });

  it('makes errors of warnings when the recipe says so', () => {
    const error = raised('# check=error=true\nFROM a AS B\n');
    expect(error).toMatchObject({ code: 'LANG_CHECK', message: 'names of stages are in lower case' });
  });

  it('stops counting in a file that is no recipe at all', () => {
    expect(parse('garbage\n'.repeat(5000)).diagnostics.length).toBeLessThan(1100);
  });
});

describe('excerpts', () => {
  it('keep tabs, so that carets stand under what they mark', () => {
    const { recipe, diagnostics } = parse('FROM a\n\tCOPY\t--form=x a b\n');
    expect(renderDiagnostics(recipe, diagnostics).split('\n').slice(1, 3)).toEqual([
      '  2 | \tCOPY\t--form=x a b',
      '    | \t    \t^^^^^^^^',
    ]);
  });

  it('cut long lines around what they mark', () => {
    const text = `${'x'.repeat(500)}HERE${'y'.repeat(500)}`;
    const [line, carets] = renderExcerpt({ file: 'f', line: 7, column: 501, endColumn: 505, text }).split(
      '\n',
    );
    expect(line.length).toBeLessThan(120);
    expect(line.slice(carets.indexOf('^'), carets.lastIndexOf('^') + 1)).toBe('HERE');
  });

  it('show no control characters of the recipe', () => {
    const { recipe, diagnostics } = parse('FROM a\n\u001b[31mRED\u0007 x\n');
    // eslint-disable-next-line no-control-regex
    expect(renderDiagnostics(recipe, diagnostics)).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });

  it('can be painted', () => {
    const { recipe, diagnostics } = parse('FROM a\nRNU x\n');
    const painted = renderDiagnostics(recipe, diagnostics, (role, text) => `<${role}>${text}</${role}>`);
    expect(painted).toContain('<error>^^^</error>');
    expect(painted).toContain('<place>Hyperfile:2:1:</place> <error>error:</error> unknown instruction RNU');
  });

  it('mark the first line of what spans several', () => {
    const source = 'FROM a\nRUN a \\\n b\n';
    const [stage] = parse(source).recipe.stages;
    expect(locate(source, 'f', stage.instructions[0].range)).toMatchObject({
      line: 2,
      column: 1,
      endColumn: 8,
    });
  });
});

describe('checks', () => {
  it('are switched off for the recipe by a directive', () => {
    expect(rulesIn('# check=skip=StageNameCasing,JSONArgsRecommended\nFROM a AS B\nCMD x\n')).toEqual([]);
    expect(rulesIn('# check=skip=all\nFROM a AS B\nCMD x\n')).toEqual([]);
  });

  it('are switched off for one instruction by a comment above it', () => {
    const text = 'FROM a\n# check=skip=LegacyKeyValueFormat\n# why\nENV a b\nENV c d\n';
    const { diagnostics } = parse(text);
    expect(diagnostics.map(({ rule, range }) => [rule, range.start.line])).toEqual([
      ['LegacyKeyValueFormat', 5],
    ]);
  });

  it('that find errors cannot be switched off', () => {
    expect(rulesIn('# check=skip=all\nFROM a AS b\nFROM a AS b\n')).toEqual(['DuplicateStageName']);
  });

  it('have names and descriptions of their own', () => {
    expect(new Set(RULES.map(({ name }) => name)).size).toBe(RULES.length);
    for (const { name, description } of RULES) {
      expect(name).toMatch(/^[A-Z][A-Za-z]+$/);
      expect(description).toMatch(/\.$/);
    }
  });

  it('do not doubt variables that the base may have set', () => {
    expect(rulesIn('FROM debian\nENV A=$LANG\n')).toEqual([]);
    expect(rulesIn('FROM scratch\nENV A=$LANG B=$PATH\n')).toEqual(['UndefinedVar']);
    expect(rulesIn('FROM scratch AS a\nARG X\nFROM a\nENV A=$X B=$Y\n')).toEqual(['UndefinedVar']);
  });

  it('know that names of variables do not differ in case where the recipe is for Windows', () => {
    const lines = 'FROM scratch\nENV Site=x\nWORKDIR $SITE\n';
    expect(rulesIn(`# check=skip=WorkdirRelativePath\n${lines}`)).toEqual(['UndefinedVar']);
    expect(rulesIn(`# escape=\`\n# check=skip=WorkdirRelativePath\n${lines}`)).toEqual([]);
  });

  it('take a test of the shell for what it is', () => {
    expect(rulesIn('FROM a\nRUN [ -f x ] && [ "$a" = b ]\n')).toEqual([]);
    expect(rulesIn("FROM a\nRUN ['a']\n")).toEqual(['InvalidJsonForm']);
  });
});

describe('directives', () => {
  it('end at the first line that is none', () => {
    expect(parse('# hello\n# escape=`\nFROM a\n').recipe.directives.escape).toBe('\\');
    expect(parse('\n# escape=`\nFROM a\n').recipe.directives.escape).toBe('\\');
    expect(
      parse('#!/usr/bin/env hyperfile\n# Escape = `\n# syntax=x\nFROM a\n').recipe.directives,
    ).toMatchObject({
      escape: '`',
      syntax: 'x',
    });
  });

  it('are given once', () => {
    expect(rulesIn('# escape=`\n# escape=`\nFROM a\n')).toEqual(['LANG_DIRECTIVE']);
  });
});

describe('the table of codes', () => {
  it('holds nothing but codes of the language, all with a reason and advice', () => {
    for (const [code, entry] of Object.entries(languageCodes)) {
      expect(code).toMatch(/^LANG_/);
      expect(entry.exit).toBe(3);
      expect(entry.why).toMatch(/\.$/);
      expect(entry.todo).toMatch(/\.$/);
    }
    expect(ERROR_CODES).toMatchObject(languageCodes);
  });
});

describe('the page about the language', () => {
  const page = readFileSync(new URL('../../docs/language.md', import.meta.url), 'utf8');

  it('lists every check as the table describes it', () => {
    const rows = [...page.matchAll(/^\| `([A-Z]\w+)` \| (.+) \|$/gm)].map(([, name, description]) => [
      name,
      description,
    ]);
    const checks = RULES.filter(({ severity }) => severity === 'warning');
    expect(rows.filter(([name]) => name !== name.toUpperCase()).sort()).toEqual(
      checks.map(({ name, description }) => [name, description]).sort(),
    );
  });

  it('shows examples that parse, but for the one whose comments are its own', () => {
    const examples = [...page.matchAll(/^```dockerfile\n(.*?)^```$/gms)].map(([, text]) => text);
    expect(examples.length).toBeGreaterThan(2);
    for (const example of examples) {
      const text = example.replace(/^(FROM .*?) +# .*$/gm, '$1');
      const recipe = /^FROM/m.test(text) ? text : `FROM debian\n${text}`;
      expect(parse(recipe).diagnostics.filter(({ severity }) => severity === 'error')).toEqual([]);
    }
  });
});
