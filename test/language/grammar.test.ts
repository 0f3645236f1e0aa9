import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { validateGrammar } from '../../src/language/grammar.ts';
import { INSTRUCTIONS, KEYWORDS, ruleOf } from '../../src/language/instructions.ts';

const ebnf = readFileSync(new URL('../../grammar/hyperfile.ebnf', import.meta.url), 'utf8');
const productions = readProductions(ebnf);

describe('the written grammar', () => {
  it('defines every name it uses, and uses every name it defines', () => {
    const used = new Set([...productions.values()].flatMap(namesIn));
    const defined = [...productions.keys()];
    expect([...used].filter((name) => !productions.has(name))).toEqual([]);
    // Values of directives and variables in words are described apart from the line that holds them.
    const apart = ['recipe', 'check-value', 'variable'];
    expect(defined.filter((name) => !used.has(name) && !apart.includes(name))).toEqual([]);
  });

  it('lists the instructions that the parser knows, and no others', () => {
    const listed = namesIn(productions.get('instruction') ?? '').map((name) => name.toUpperCase());
    expect(listed.sort()).toEqual([...KEYWORDS].sort());
    for (const keyword of KEYWORDS) {
      expect(literalsIn(productions.get(keyword.toLowerCase()) ?? '')).toContain(keyword);
    }
  });

  it.each(KEYWORDS)(
    'gives %s the flags that the parser knows, with values where they take one',
    (keyword) => {
      const written = literalsIn(productions.get(`${keyword.toLowerCase()}-flag`) ?? '').filter((text) =>
        text.startsWith('--'),
      );
      const known = Object.entries(ruleOf(keyword).flags ?? {}).map(
        ([name, { value }]) => `--${name}${value ? '=' : ''}`,
      );
      expect(written.sort()).toEqual(known.sort());
    },
  );

  it('marks what is not supported yet', () => {
    const marked = ebnf.split('\n').filter((line) => line.includes('not supported yet'));
    const flags = Object.values(INSTRUCTIONS).flatMap((rule) =>
      'flags' in rule ? Object.entries(rule.flags) : [],
    );
    const unsupported = flags.flatMap(([name, rule]) => ('unsupported' in rule ? [name] : []));
    expect(
      marked.flatMap((line) => [...line.matchAll(/--([a-z-]+)/g)].map((match) => match[1])).sort(),
    ).toEqual(unsupported.sort());
  });

  it('is free of conflicts for the parser generator', () => {
    expect(validateGrammar).not.toThrow();
  });
});

describe('the editor grammar', () => {
  it('colours the instructions that the parser knows, and no others', () => {
    const file = new URL('../../grammar/hyperfile.tmLanguage.json', import.meta.url);
    const text = readFileSync(file, 'utf8');
    const { repository } = JSON.parse(text) as { repository: { keyword: { match: string } } };
    const [, names = ''] = /\(\?i:([A-Z|]+)\)/.exec(repository.keyword.match) ?? [];
    expect(names.split('|').sort()).toEqual([...KEYWORDS].sort());
  });
});

function readProductions(text: string): Map<string, string> {
  const withoutComments = text.replace(/\/\*.*?\*\//gs, ' ');
  const parts = withoutComments.split(/^([a-z-]+)\s*::=/m).slice(1);
  return new Map(
    parts.flatMap((part, index) => (index % 2 === 0 ? [[part, parts[index + 1]] as const] : [])),
  );
}

const LITERAL = /'([^']+)'|"([^"]+)"/g;

function literalsIn(production: string): string[] {
  return [...production.matchAll(LITERAL)].map((match) => match[1] ?? match[2]);
}

/** Names, outside literals and character classes. */
function namesIn(production: string): string[] {
  const plain = production.replace(LITERAL, ' ').replace(/\[[^\]]*\]|#x[0-9A-F]+/g, ' ');
  return [...plain.matchAll(/[a-z][a-z-]*/g)].map((match) => match[0]);
}
