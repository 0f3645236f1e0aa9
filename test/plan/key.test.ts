import { expect, test } from 'vitest';
import { baseKey, stepKey } from '../../src/plan/key.ts';
import type { DiskStep } from '../../src/plan/step.ts';
import { stepsOf, type PlanOptions } from './planning.ts';

const PARENT = baseKey({ kind: 'test' }).key;

function keyOf(text: string, options?: PlanOptions, reads: readonly string[] = []): string {
  const step = stepsOf(text, options).findLast(({ kind }) => kind !== 'config') as DiskStep;
  return stepKey(PARENT, step, reads).key;
}

const RUN = 'FROM scratch\nRUN make\n';

test('what a command sees is in its key', () => {
  const keys = [
    RUN,
    'FROM scratch\nRUN make all\n',
    'FROM scratch\nENV a=1\nRUN make\n',
    'FROM scratch\nARG b=1\nRUN make\n',
    'FROM scratch\nUSER app\nRUN make\n',
    'FROM scratch\nSHELL ["/bin/bash", "-c"]\nRUN make\n',
    'FROM scratch\nRUN --network=none make\n',
  ].map((text) => keyOf(text));
  expect(new Set(keys).size).toBe(keys.length);
});

test('what decides nothing about the result is not', () => {
  const same = [
    'FROM scratch\n# a comment\nRUN   make\n',
    'FROM scratch\nLABEL a=b\nCMD ["x"]\nEXPOSE 80\nRUN make\n',
    'FROM scratch AS named\nrun make\n',
  ];
  for (const text of same) expect(keyOf(text)).toBe(keyOf(RUN));
  expect(keyOf(RUN, { buildArgs: { http_proxy: 'http://p' } })).toBe(keyOf(RUN));
});

test('a copy counts by content and by where it goes, not by what its source is called', () => {
  const copy = (line: string, reads: string[]) => keyOf(`FROM scratch\n${line}\n`, {}, reads);
  expect(copy('COPY a /x', ['d1'])).toBe(copy('COPY b /x', ['d1']));
  expect(copy('COPY a /x', ['d1'])).not.toBe(copy('COPY a /x', ['d2']));
  expect(copy('COPY a /x', ['d1'])).not.toBe(copy('COPY a /y', ['d1']));
  expect(copy('COPY a /x', ['d1'])).not.toBe(copy('COPY --chmod=600 a /x', ['d1']));
  expect(copy('COPY a /x', ['d1'])).not.toBe(copy('ADD a /x', ['d1']));
});

test('a key covers the step below it', () => {
  const [step] = stepsOf(RUN) as DiskStep[];
  expect(stepKey(PARENT, step, []).key).not.toBe(stepKey('0'.repeat(64), step, []).key);
});

test('what the guest asks of its machine is in no key', () => {
  const machine = 'FROM scratch\nMACHINE memory=4G tpm=on\nRUN make\n';
  expect(keyOf(machine)).toBe(keyOf(RUN));
  expect(keyOf('FROM scratch\nMACHINE cpus=4\nREBOOT\n')).toBe(keyOf('FROM scratch\nREBOOT\n'));
});

test('whether a step has a layer of its own is in its key, and how that was said is not', () => {
  const first = (flag: string) => {
    const [step] = stepsOf(`FROM scratch\nRUN ${flag} make\nRUN test\n`) as DiskStep[];
    return stepKey(PARENT, step, []).key;
  };
  expect(first('--layer')).toBe(first(''));
  expect(first('--layer=false')).not.toBe(first(''));
  expect(keyOf('FROM scratch\nRUN --layer=false make\n')).toBe(keyOf(RUN));
});

test('keys stay what they are: a change here must come with a new scheme', () => {
  expect(keyOf(RUN)).toMatchInlineSnapshot(
    `"33d9817d33b94197df8888dd50b0e0894fdc45d07f4e034a598b5fd21ffb8608"`,
  );
});
