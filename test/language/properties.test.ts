import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Instruction, SourceRange } from '../../src/language/ast.ts';
import { KEYWORDS, ruleOf } from '../../src/language/instructions.ts';
import { parseRecipe, type ParseResult } from '../../src/language/parse.ts';
import { renderDiagnostics } from '../../src/language/render.ts';

const flags = KEYWORDS.flatMap((keyword) => Object.keys(ruleOf(keyword).flags ?? {}));

/** Pieces that mean something, in an order that mostly does not. */
const pieces = fc.oneof(
  fc.constantFrom(...KEYWORDS, ...KEYWORDS.map((keyword) => keyword.toLowerCase())),
  fc.constantFrom(...flags.map((name) => `--${name}`)),
  fc.constantFrom(
    '=',
    ' ',
    '  ',
    '\t',
    '\n',
    '\r\n',
    '\\\n',
    '\\ \r\n',
    '`\n',
    '\\',
    '`',
    '"',
    "'",
    '$',
    '${',
    '}',
  ),
  fc.constantFrom(
    '#',
    '# escape=`\n',
    '# check=skip=all\n',
    '<<EOF',
    '<<-EOF',
    '<<"EOF"',
    'EOF\n',
    '\n\tEOF\n',
  ),
  fc.constantFrom(
    '[',
    ']',
    ',',
    '"a"',
    '["a", "b"]',
    ' AS ',
    ' NONE',
    ' CMD ',
    '--',
    'a=b',
    '${a:-b}',
    '\uFEFF',
  ),
  fc.string({ unit: 'binary', maxLength: 5 }),
);
const recipes = fc.oneof(
  fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join('')),
  fc.array(fc.array(pieces, { maxLength: 8 }), { maxLength: 10 }).map((lines) => {
    return `FROM a\n${lines.map((parts) => `RUN ${parts.join(' ')}`).join('\n')}`;
  }),
  fc.string({ unit: 'binary' }),
);

/** Recipes without mistakes, so that their trees can be compared. */
const word = fc.stringMatching(/^[a-z][a-z0-9/._-]{0,8}$/);
const gap = fc.constantFrom(' ', '  ', '\t', ' \\\n', '\\\n  ', ' \\\n# comment\n ', ' \\  \r\n\t');
/** A here-document's delimiter, and a line of its text: one that is no delimiter itself. */
const documentOf = (delimiter: fc.Arbitrary<string>) =>
  fc.tuple(delimiter, word).filter(([name, line]) => line !== name);
const fileName = word.map((name) => name.replaceAll('/', '_'));
const goodLines = fc.oneof(
  fc.tuple(gap, word, word).map(([space, a, b]) => `COPY${space}${a}${space}${b}`),
  fc.tuple(gap, word, word).map(([space, a, b]) => `ENV${space}A=${a}${space}B="${b} \\"$x"`),
  fc.tuple(gap, word, word).map(([space, a, b]) => `run ${a}${space}"${b}"${space}&& x`),
  fc.tuple(gap, word).map(([space, a]) => `CMD${space}["${a}",${space}"${a}"${space}]`),
  documentOf(word).map(([name, a]) => `RUN cat <<${name} > x\n${a}\n  $x\n${name}`),
  fc
    .tuple(documentOf(fileName), gap)
    .map(([[name, a], space]) => `COPY <<-"${name}"${space}/${a}\n\t${a}\n\t${name}`),
  fc.tuple(gap, word).map(([space, a]) => `HEALTHCHECK${space}--interval=5s${space}CMD${space}${a}`),
  fc.tuple(gap, word).map(([space, a]) => `FROM${space}${a}`),
);
const goodRecipes = fc.array(goodLines, { maxLength: 12 }).map((lines) => ['FROM a', ...lines].join('\n'));

describe('any text at all', () => {
  it('gives a recipe and diagnostics, never an exception', () => {
    fc.assert(
      fc.property(recipes, (text) => {
        const result = parseRecipe(text, 'Hyperfile');
        expect(typeof renderDiagnostics(result.recipe, result.diagnostics)).toBe('string');
      }),
      { numRuns: 2000 },
    );
  });

  it('gives ranges that lie in it, with the line and column of their offsets', () => {
    fc.assert(
      fc.property(recipes, (text) => {
        for (const range of rangesIn(parseRecipe(text, 'Hyperfile'))) {
          expect(range.start.offset).toBeLessThanOrEqual(range.end.offset);
          expect(range.end.offset).toBeLessThanOrEqual(text.length);
          for (const { offset, line, column } of [range.start, range.end]) {
            const before = text
              .slice(0, offset)
              .replace(/^\uFEFF/, '')
              .split('\n');
            expect([line, column]).toEqual([before.length, (before.at(-1) ?? '').length + 1]);
          }
        }
      }),
      { numRuns: 500, examples: [['ENV A ${#'], ['ENV A ${a'], ['ENV A ${a:-\\']] },
    );
  });

  it('gives instructions that lie one after the other and hold their own words', () => {
    fc.assert(
      fc.property(recipes, (text) => {
        let end = 0;
        for (const instruction of instructionsOf(parseRecipe(text, 'Hyperfile'))) {
          expect(instruction.range.start.offset).toBeGreaterThanOrEqual(end);
          end = instruction.range.end.offset;
          for (const range of rangesIn({ ...instruction, range: undefined })) {
            expect(range.start.offset).toBeGreaterThanOrEqual(instruction.range.start.offset);
            expect(range.end.offset).toBeLessThanOrEqual(end);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});

describe('a recipe without mistakes', () => {
  it('parses without errors, whatever its gaps are', () => {
    fc.assert(
      fc.property(goodRecipes, (text) => {
        expect(errorsOf(parseRecipe(text, 'Hyperfile'))).toEqual([]);
      }),
    );
  });

  it('has instructions whose own text parses to the same instruction', () => {
    fc.assert(
      fc.property(goodRecipes, (text) => {
        for (const instruction of instructionsOf(parseRecipe(text, 'Hyperfile'))) {
          const alone = parseRecipe(`FROM a\n${instruction.raw}\n`, 'Hyperfile');
          expect(withoutRanges(instructionsOf(alone).at(-1))).toEqual(withoutRanges(instruction));
        }
      }),
    );
  });

  it('has instructions whose canonical text parses to the same meaning, and to itself', () => {
    fc.assert(
      fc.property(goodRecipes, (text) => {
        for (const instruction of instructionsOf(parseRecipe(text, 'Hyperfile'))) {
          const again = instructionsOf(parseRecipe(`FROM a\n${instruction.text}\n`, 'Hyperfile')).at(-1);
          expect(again?.text).toBe(instruction.text);
          const meaning = (it: Instruction | undefined) => ({ ...withoutRanges(it), raw: '', keyword: '' });
          expect(meaning(again)).toEqual(meaning(instruction));
        }
      }),
    );
  });

  it('means the same with CRLF line ends', () => {
    fc.assert(
      fc.property(goodRecipes, (text) => {
        const texts = (source: string) =>
          instructionsOf(parseRecipe(source, 'Hyperfile')).map(({ text }) => text);
        const unix = text.replaceAll('\r', '');
        expect(texts(unix.replaceAll('\n', '\r\n'))).toEqual(texts(unix));
      }),
    );
  });
});

function instructionsOf({ recipe }: ParseResult): Instruction[] {
  return recipe.stages.flatMap((stage) => [stage.from, ...stage.instructions]);
}

function errorsOf({ diagnostics }: ParseResult): unknown[] {
  return diagnostics.filter((diagnostic) => diagnostic.severity === 'error');
}

function withoutRanges(value: Instruction | undefined): Record<string, unknown> {
  const drop = (key: string, field: unknown): unknown => (/range$/i.test(key) ? undefined : field);
  return JSON.parse(JSON.stringify(value, drop)) as Record<string, unknown>;
}

function rangesIn(value: unknown): SourceRange[] {
  if (typeof value !== 'object' || value === null) return [];
  if ('start' in value && 'end' in value) return [value as SourceRange];
  return Object.values(value).flatMap(rangesIn);
}
