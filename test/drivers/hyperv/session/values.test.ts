/** Values cross to PowerShell and back unchanged. */
import { inspect } from 'node:util';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  decodeValue,
  encodeValue,
  newKey,
  Secret,
  type Received,
  type Sendable,
} from '../../../../src/drivers/hyperv/session/values.ts';
import type { PowerShellSession } from '../../../../src/drivers/hyperv/session/session.ts';
import { describeWith } from '../../../support/needs.ts';
import { POWERSHELL_NEEDS } from '../../../support/powershell/engine.ts';
import { sampleSession } from './support.ts';

/** Names and texts that have hurt others. */
const EVIL = [
  `C:\\it's [a] "b" $(1+1) \`n \${x} 100%; & | > 日本語 é €😀`,
  '\uFEFFmark',
  'line\r\nline\n\ttab\u0000nul\u001b[31m',
  '\uD800 alone',
  '@"\nhere\n"@',
  "'; exit 0 #",
  '2026-01-02T03:04:05Z',
  '/Date(1700000000000)/',
  '\u2028\u2029',
  '\u0085',
  '<0123:R>',
  ' ',
  '',
];

const key = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom('', 'Count', 'Keys', 'a', 'A', '__proto__', 'psobject', '$secret2'),
);
const leaf = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(...EVIL),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc
    .bigInt({ min: -(2n ** 80n), max: 2n ** 80n })
    .filter((value) => value > 2n ** 53n || value < -(2n ** 53n)),
  fc.constantFrom(
    0,
    -0,
    1,
    2 ** 53,
    -(2 ** 63),
    1e21,
    5e-324,
    1.7976931348623157e308,
    0.1,
    2n ** 63n,
    -(2n ** 63n),
    2n ** 64n - 1n,
  ),
  fc.boolean(),
  fc.constant(null),
);
const value: fc.Arbitrary<Received> = fc.letrec<{ value: Received }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6, depthIdentifier: 'value' },
    leaf,
    fc.array(tie('value'), { maxLength: 4, depthIdentifier: 'value' }),
    fc.dictionary(key, tie('value'), { maxKeys: 4, noNullPrototype: true, depthIdentifier: 'value' }),
  ),
})).value;

describe('JSON of values', () => {
  const none = newKey();

  test('reads back as it was written', () => {
    fc.assert(
      fc.property(value, (sent) => {
        expect(decodeValue(encodeValue(sent, none))).toEqual(sent);
      }),
    );
  });

  test('leaves out what is undefined', () => {
    expect(encodeValue({ a: undefined, b: 1 }, none)).toBe('{"b":1}');
  });

  test('refuses numbers that JSON has no words for', () => {
    for (const number of [NaN, Infinity, -Infinity])
      expect(() => encodeValue(number, none)).toThrow(TypeError);
  });

  test('never shows a secret', () => {
    const secret = new Secret('Passw0rd!');
    const shown = [
      String(secret),
      JSON.stringify({ secret }),
      inspect({ secret }, { showHidden: true }),
      encodeValue({ secret }, none),
    ];
    expect(shown.filter((text) => text.includes('Passw0rd!') || text.includes(btoa('Passw0rd!')))).toEqual(
      [],
    );
  });
});

describeWith(POWERSHELL_NEEDS, 'values in PowerShell', () => {
  let session: PowerShellSession;

  beforeAll(async () => {
    session = await sampleSession();
  });
  afterAll(() => session.close());

  async function echo(sent: Sendable): Promise<Received> {
    const [answer] = (await session.call('Sample\\Get-Echo', { Value: sent })) as { value: Received }[];
    return answer.value;
  }

  test('any value travels both ways unchanged', async () => {
    // Many at a time: what is tested is the value, not the call.
    const property = fc.asyncProperty(fc.array(value, { minLength: 10, maxLength: 40 }), async (sent) => {
      expect(await echo(sent)).toEqual(sent);
    });
    await fc.assert(property, { numRuns: 25 });
  });

  test('a value alone is no array, and an array of one stays one', async () => {
    for (const sent of [null, [], [null], [[]], [[[1]]], {}, [{}], '', 'x', 0, false, EVIL] as const)
      expect(await echo(sent)).toEqual(sent);
  });

  test('nesting goes 90 deep, and what is deeper is refused by name', async () => {
    const nested = (depth: number): Sendable => (depth === 0 ? 'core' : [nested(depth - 1)]);
    expect(await echo(nested(90))).toEqual(nested(90));
    await expect(echo(nested(200))).rejects.toMatchObject({
      code: 'POWERSHELL_FAILED',
      data: { id: expect.stringContaining('HyperfileJson') as string },
    });
  });

  test('a text of megabytes arrives', async () => {
    const long = `${EVIL.join('')}${'0123456789 é日 '.repeat(200_000)}`;
    expect((await echo(long)) === long).toBe(true);
  });

  test('parameters get the types that they ask for', async () => {
    const answer = await session.call('Sample\\Get-Bound', {
      Text: EVIL[0],
      Texts: ['one'],
      Number: 2n ** 62n,
      Flag: true,
      Secret: new Secret(EVIL[0]),
    });
    expect(answer).toEqual([
      { text: EVIL[0], texts: ['one'], number: 2n ** 62n, flag: true, secret: EVIL[0] },
    ]);
    const [bare] = await session.call('Sample\\Get-Bound', { Texts: [], Number: 5n, Text: undefined });
    expect(bare).toEqual({ text: '', texts: [], number: 5, flag: false, secret: null });
  });

  test('objects of .NET become what they stand for', async () => {
    expect(await session.call('Sample\\Get-Kind')).toEqual([
      {
        date: '2026-01-02T03:04:05.0000000Z',
        offset: '2026-01-01T18:04:05.0000000Z',
        span: 1.5,
        state: 'Friday',
        flags: 'Hidden, System',
        guid: '6c09bb55-d683-4da0-8931-c9bf705f6480',
        version: '10.0.26100',
        uri: 'https://example.com/a?b',
        letter: 'x',
        bytes: 'AQL/',
        custom: { b: 1, a: [1] },
        empty: [],
        one: ['single'],
        table: {},
        nothing: null,
        nested: [[[]]],
        wide: 2n ** 64n - 1n,
        deep: -(2n ** 63n),
        byte: 7,
        money: 1.1,
        single: 0.5,
        list: ['a', 'b'],
      },
    ]);
  });

  test('a live object is refused: its function has to say what is meant', async () => {
    await expect(session.call('Sample\\Get-Live')).rejects.toMatchObject({
      code: 'POWERSHELL_FAILED',
      data: { message: expect.stringContaining('System.Diagnostics.Process') as string },
    });
  });

  test('several outputs are several records, in order', async () => {
    expect(await session.call('Sample\\Get-Several', { Count: 3 })).toEqual([
      { number: 0 },
      { number: 1 },
      { number: 2 },
    ]);
    expect(await session.call('Sample\\Get-Several', { Count: 0 })).toEqual([]);
  });
});
