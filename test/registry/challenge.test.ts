/** Reads WWW-Authenticate headers as RFC 9110 writes them, and as servers do. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseChallenges } from '../../src/registry/challenge.ts';

/** Plain objects, to compare with. */
function parsed(header: string): [string, Record<string, string>][] {
  return parseChallenges(header).map(({ scheme, parameters }) => [scheme, { ...parameters }]);
}

describe('challenges', () => {
  test.each<[string, string, [string, Record<string, string>][]]>([
    ['nothing', '', []],
    ['a realm', 'Basic realm="a b"', [['basic', { realm: 'a b' }]]],
    [
      'a token service, with commas inside of quotes',
      'Bearer realm="https://x.example/token",service="x",scope="repository:a:pull,push"',
      [['bearer', { realm: 'https://x.example/token', service: 'x', scope: 'repository:a:pull,push' }]],
    ],
    ['blanks around =', 'Basic Realm = "x" , charset = UTF-8', [['basic', { realm: 'x', charset: 'UTF-8' }]]],
    ['escapes', String.raw`Basic realm="a\"b\\c"`, [['basic', { realm: String.raw`a"b\c` }]]],
    [
      'values without quotes that are no tokens',
      'Bearer realm=https://x/t',
      [['bearer', { realm: 'https://x/t' }]],
    ],
    [
      'several schemes, some of them bare or with a token',
      'Negotiate, NTLM TlRMTVNTUAAB==, Basic realm="x", Bearer realm="y"',
      [
        ['negotiate', {}],
        ['ntlm', {}],
        ['basic', { realm: 'x' }],
        ['bearer', { realm: 'y' }],
      ],
    ],
    [
      'a quote that never ends',
      'Basic realm="x',
      [
        ['basic', {}],
        ['realm', {}],
      ],
    ],
    ['rubbish before', '"", ;;, Basic realm=x', [['basic', { realm: 'x' }]]],
  ])('with %s', (_, header, expected) => {
    expect(parsed(header)).toEqual(expected);
  });

  test('come back as they were written', () => {
    const word = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/);
    const challenge = fc.tuple(word, fc.dictionary(word, fc.stringMatching(/^[ -~]{0,20}$/), { minKeys: 1 }));
    const quoted = (value: string): string => `"${value.replace(/["\\]/g, '\\$&')}"`;
    fc.assert(
      fc.property(fc.array(challenge), (challenges) => {
        const header = challenges
          .map(([scheme, parameters]) => {
            const pairs = Object.entries(parameters).map(([name, value]) => `${name}=${quoted(value)}`);
            return `${scheme} ${pairs.join(', ')}`;
          })
          .join(', ');
        expect(parsed(header)).toEqual(challenges.map(([scheme, parameters]) => [scheme, { ...parameters }]));
      }),
    );
  });

  test('are never a reason to fail, whatever is in the header', () => {
    fc.assert(fc.property(fc.string(), (header) => void parseChallenges(header)));
    const pieces = fc.constantFrom('a', '=', '"', ',', ' ', '\\', ';', 'Bearer ', '__proto__=x');
    fc.assert(fc.property(fc.array(pieces), (parts) => void parseChallenges(parts.join(''))));
    expect(parseChallenges('a="'.repeat(100_000)).length).toBeGreaterThan(0);
  });
});
