import { expect, test } from 'vitest';
import { lastStep, stepsOf } from './planning.ts';

const config = (text: string, options = {}) => stepsOf(text, options).at(-1)!.config;

test('every variable of one ENV sees the values from before the line', () => {
  expect(config('FROM scratch\nENV abc=hello\nENV abc=bye def=$abc\nENV ghi=$abc\n').env).toEqual({
    abc: 'bye',
    def: 'hello',
    ghi: 'bye',
  });
});

test('commands see ARGs in scope, and ENV beats an ARG of the same name', () => {
  const text = 'ARG global=outside\nFROM scratch\nARG global\nARG one=1\nARG two=2\nENV two=env\nRUN true\n';
  expect(lastStep(text, 'run', { buildArgs: { one: 'given' } }).env).toEqual({
    global: 'outside',
    one: 'given',
    two: 'env',
  });
});

test('a global ARG is not seen in a stage that does not declare it', () => {
  expect(lastStep('ARG secretish=1\nFROM scratch\nRUN true\n', 'run').env).toEqual({});
});

test('ARGs of a stage go on in the stages that start from it', () => {
  const text = 'FROM scratch AS one\nARG version=7\nFROM one\nRUN true\n';
  expect(lastStep(text, 'run').env).toEqual({ version: '7' });
});

test('proxies reach the command beside its environment', () => {
  const step = lastStep('FROM scratch\nRUN true\n', 'run', {
    buildArgs: { http_proxy: 'http://p', other: 'x' },
  });
  expect(step).toMatchObject({ env: {}, proxyEnv: { http_proxy: 'http://p' } });
});

test('WORKDIR is relative to the one before and fills in variables', () => {
  expect(lastStep('FROM scratch\nENV d=src\nWORKDIR /app\nWORKDIR $d\n', 'workdir').path).toBe('/app/src');
});

test.each([
  ['a b', '/app/b'],
  ['a b/', '/app/b/'],
  ['a .', '/app/'],
  ['a ./', '/app/'],
  ['a ..', '/'],
  ['a /', '/'],
  ['a /x/../y/.', '/y/'],
])('COPY %s in /app goes to %s', (words, destination) => {
  expect(lastStep(`FROM scratch\nWORKDIR /app\nCOPY ${words}\n`, 'copy').destination).toBe(destination);
});

test('a shell command runs in the SHELL of its line', () => {
  const text = 'FROM scratch\nSHELL ["/bin/bash", "-e", "-c"]\nRUN echo $HOME\n';
  expect(lastStep(text, 'run').argv).toEqual(['/bin/bash', '-e', '-c', 'echo $HOME']);
});

test('a heredoc is a script for the SHELL, or for its own interpreter', () => {
  expect(lastStep('FROM scratch\nRUN <<EOF\necho 1\necho 2\nEOF\n', 'run').argv).toEqual([
    '/bin/sh',
    '-c',
    'echo 1\necho 2\n',
  ]);
  const own = lastStep('FROM scratch\nRUN <<EOF\n#!/usr/bin/env python3\nprint(1)\nEOF\n', 'run');
  expect(own).toMatchObject({
    argv: ['/usr/bin/env', 'python3', '/dev/stdin'],
    stdin: '#!/usr/bin/env python3\nprint(1)\n',
  });
});

test('COPY of a heredoc fills in variables unless its name is quoted', () => {
  const body = 'name=$name "quoted"\n';
  const text = (word: string) => `FROM scratch\nENV name=World\nCOPY <<${word} /etc/x\n${body}EOF\n`;
  expect(lastStep(text('EOF'), 'copy').inlineFiles).toEqual([
    { name: 'EOF', content: 'name=World "quoted"\n' },
  ]);
  expect(lastStep(text('"EOF"'), 'copy').inlineFiles).toEqual([{ name: 'EOF', content: body }]);
});

test('ADD tells URLs from files', () => {
  const step = lastStep('FROM scratch\nADD http://localhost/a.tar b.tar /srv/\n', 'copy');
  expect(step).toMatchObject({ add: true, paths: ['b.tar'], downloads: [{ url: 'http://localhost/a.tar' }] });
});

test('an ENTRYPOINT of the stage drops the CMD of its base, but not its own', () => {
  const base = 'FROM scratch AS base\nCMD ["old"]\nFROM base\n';
  expect(config(`${base}ENTRYPOINT ["e"]\n`)).not.toHaveProperty('cmd');
  expect(config(`${base}CMD ["new"]\nENTRYPOINT ["e"]\n`).cmd).toEqual(['new']);
});

test('EXPOSE, VOLUME, LABEL, STOPSIGNAL, USER and HEALTHCHECK reach the config', () => {
  const text = `FROM scratch
ENV ports="80 443/udp"
EXPOSE $ports 8000-8001
VOLUME /b /a
LABEL one=1 two="a b"
STOPSIGNAL SIGQUIT
USER app:www
HEALTHCHECK --interval=5s --retries=2 CMD curl -f localhost
`;
  expect(config(text)).toMatchObject({
    exposedPorts: ['443/udp', '80/tcp', '8000/tcp', '8001/tcp'],
    volumes: ['/a', '/b'],
    labels: { one: '1', two: 'a b' },
    stopSignal: 'SIGQUIT',
    user: 'app:www',
    healthcheck: { test: ['CMD-SHELL', 'curl -f localhost'], intervalMs: 5000, retries: 2 },
  });
});

test('an error in an expansion has its place in the recipe', () => {
  expect(() => stepsOf('FROM scratch\nENV a=1\nWORKDIR ${missing:?set it}\n')).toThrow(
    expect.objectContaining({ exitStatus: 3, at: expect.objectContaining({ line: 3 }) as object }),
  );
});

test('MACHINE settings are merged key by key, inherited, and given to the steps of their place', () => {
  const text = `FROM scratch AS base
MACHINE memory=4G cpus=2 secure-boot=others tpm=on
RUN one
FROM base
ENV MEMORY=8GiB
MACHINE memory=$MEMORY generation=1 nested=off
REBOOT
RUN two
`;
  const [one] = stepsOf(text, { target: 'base' }).filter(({ kind }) => kind === 'run');
  expect(one).toMatchObject({
    machine: { memoryBytes: 4 * 1024 ** 3, processors: 2, secureBoot: 'others', tpm: true },
  });
  const machine = {
    memoryBytes: 8 * 1024 ** 3,
    processors: 2,
    secureBoot: 'others',
    tpm: true,
    generation: 1,
    nested: false,
  };
  expect(lastStep(text, 'reboot')).toMatchObject({ machine, config: { machine } });
  expect(lastStep(text, 'run')).toMatchObject({ machine });
});

test('a setting of MACHINE that a variable gives is an error with its place when it is wrong', () => {
  expect(() => stepsOf('FROM scratch\nARG cpus=many\nMACHINE cpus=$cpus\n')).toThrow(
    expect.objectContaining({
      code: 'LANG_MACHINE_VALUE',
      exitStatus: 3,
      at: expect.objectContaining({ line: 3 }) as object,
    }),
  );
});

test('a step without a layer of its own has one when it is the last on the disk', () => {
  const layers = (text: string) =>
    stepsOf(`FROM scratch\n${text}`).flatMap((step) => ('needsLayer' in step ? [step.needsLayer] : []));
  expect(layers('RUN a\nREBOOT\nRUN --layer=false b\nRUN --layer c\n')).toEqual([true, false, false, true]);
  expect(layers('RUN --layer=false a\nREBOOT\nLABEL a=b\n')).toEqual([false, true]);
});
