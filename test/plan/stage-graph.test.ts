import { expect, test } from 'vitest';
import { graphOf } from './planning.ts';

const THREE = `
FROM scratch AS tools
FROM scratch AS docs
FROM tools AS final
COPY --from=tools /a /a
`;

const indexes = (text: string, options = {}) => graphOf(text, options).stages.map(({ stage }) => stage.index);

test('stages that the target does not need are left out', () => {
  expect(indexes(THREE)).toEqual([0, 2]);
  expect(indexes(THREE, { target: 'docs' })).toEqual([1]);
});

test('a target may be named in any case or by its number', () => {
  expect(graphOf(THREE, { target: 'DOCS' }).target).toBe(1);
  expect(graphOf(THREE, { target: '0' }).target).toBe(0);
});

test('an unknown target says which stage was probably meant', () => {
  expect(() => graphOf(THREE, { target: 'tool' })).toThrow(
    expect.objectContaining({
      code: 'PLAN_NO_STAGE',
      exitStatus: 3,
      hint: expect.stringContaining('tools') as string,
    }),
  );
});

test('COPY --from names stages by name or number, and images otherwise', () => {
  const text =
    'FROM scratch AS one\nFROM scratch\nCOPY --from=one /a /\nCOPY --from=0 /b /\nCOPY --from=alpine /c /\n';
  expect(graphOf(text).stages.at(-1)!.copiesFrom).toEqual([0]);
});

test('a stage cannot copy from itself or a later one', () => {
  expect(() => graphOf('FROM scratch\nCOPY --from=0 /a /\n')).toThrow(
    expect.objectContaining({ code: 'PLAN_LATER_STAGE' }),
  );
  expect(() => graphOf('FROM scratch\nCOPY --from=1 /a /\nFROM scratch\n', { target: '0' })).toThrow(
    expect.objectContaining({ code: 'PLAN_LATER_STAGE' }),
  );
});

test('FROM sees global ARGs, and --build-arg beats their defaults', () => {
  const text = 'ARG suite=bookworm\nFROM debootstrap://$suite\n';
  const base = (buildArgs: Record<string, string>) => graphOf(text, { buildArgs }).stages[0].base;
  expect(base({})).toMatchObject({ reference: { kind: 'debootstrap', suite: 'bookworm' } });
  expect(base({ suite: 'trixie' })).toMatchObject({ reference: { suite: 'trixie' } });
});

test('the flags of FROM beat the options of its address', () => {
  const text =
    'FROM --include=curl,vim --variant=apt debootstrap://bookworm?include=nano&mirror=http://localhost/debian\n';
  expect(graphOf(text).stages[0].base).toMatchObject({
    reference: { include: ['curl', 'vim'], variant: 'apt', mirror: 'http://localhost/debian' },
  });
});

test('a base that expands to nothing is an error with its place', () => {
  expect(() => graphOf('ARG base\nFROM $base\n')).toThrow(
    expect.objectContaining({ code: 'PLAN_EMPTY_BASE', at: expect.objectContaining({ line: 2 }) as object }),
  );
});

test('a medium that installs Windows has an edition and an answer file', () => {
  const text =
    'ARG name="Windows 11 Pro"\nFROM --edition=$name --unattend=answers/unattend.xml ./windows.iso\n';
  expect(graphOf(text).stages[0].base).toMatchObject({
    reference: {
      kind: 'iso',
      path: './windows.iso',
      edition: 'Windows 11 Pro',
      unattend: 'answers/unattend.xml',
    },
  });
  expect(graphOf('FROM ./windows.iso\n').stages[0].base).toMatchObject({
    reference: { kind: 'iso', path: './windows.iso' },
  });
});

test.each([
  ['FROM --edition=6 ./golden.vhdx', 2, 6, '--edition is for a medium'],
  ['FROM --unattend=a.xml debian:12', 2, 6, '--unattend is for a medium'],
  ['FROM --edition=1 tools', 2, 6, '--edition is for a medium'],
  ['FROM --edition=$none ./windows.iso', 2, 16, '--edition is empty'],
])('%s is an error with its place', (line, row, column, problem) => {
  const text = `FROM scratch AS tools\n${line}\n`;
  expect(() => graphOf(text)).toThrow(
    expect.objectContaining({
      code: 'LANG_BASE',
      message: expect.stringContaining(problem) as string,
      at: expect.objectContaining({ line: row, column }) as object,
    }),
  );
});
