/** Makes a typed instruction of a line. One small reader for each keyword; what cannot be read is reported. */
import type { Instruction } from './ast.ts';
import { canonicalText } from './canonical.ts';
import { readCommand, readRunCommand } from './commands.ts';
import { readAdd, readCopy } from './read-files.ts';
import { checkFlags, flagIsSet, flagValue, hasFlag, wrongValue } from './flags.ts';
import { readHealthcheck } from './read-healthcheck.ts';
import type { Keyword } from './instructions.ts';
import type { Line } from './line.ts';
import { readArguments, readMachine, readPairs } from './pairs.ts';
import { portsOf } from './ports.ts';

type KindOf<I> = I extends { readonly kind: infer K } ? K : never;
type Common = 'kind' | 'range' | 'keyword' | 'raw' | 'text' | 'flags' | 'heredocs' | 'skippedRules';
/** What a reader adds to the fields that all instructions share. */
export type FieldsOf<K extends KindOf<Instruction>> = Omit<
  Extract<Instruction, { readonly kind: K }>,
  Common
>;

type Readers = {
  readonly [K in Keyword]: (line: Line) => (K extends KindOf<Instruction> ? FieldsOf<K> : never) | undefined;
};

const NETWORKS = ['default', 'none', 'host'] as const;
const STAGE_NAME = /^[a-z][a-z0-9_.-]*$/;

const READERS: Readers = {
  FROM: readFrom,
  RUN: readRun,
  COPY: readCopy,
  ADD: readAdd,
  ENV: readPairs,
  LABEL: readPairs,
  ARG: readArguments,
  WORKDIR: (line) => ({ path: line.checked(line.word(line.tokens('Text')[0])) }),
  USER: (line) => ({ user: line.checked(line.word(line.tokens('Text')[0])) }),
  STOPSIGNAL: (line) => ({ signal: line.checked(line.word(line.tokens('Text')[0])) }),
  MACHINE: readMachine,
  REBOOT: () => ({}),
  MAINTAINER: (line) => ({ name: line.word(line.tokens('Text')[0]).raw }),
  EXPOSE: readExpose,
  VOLUME: readVolume,
  CMD: commandField,
  ENTRYPOINT: commandField,
  SHELL: readShell,
  HEALTHCHECK: readHealthcheck,
  ONBUILD: (line) => line.error('LANG_UNSUPPORTED', line.keywordWord.range, { data: { what: 'ONBUILD' } }),
};

/** Undefined when the line is beyond reading; every problem is reported either way. */
export function readInstruction(line: Line, skippedRules: readonly string[]): Instruction | undefined {
  checkFlags(line);
  const fields = READERS[line.keyword](line);
  if (fields === undefined) return undefined;
  return {
    kind: line.keyword,
    range: line.range,
    keyword: line.keywordWord,
    raw: line.raw,
    text: canonicalText(line),
    flags: line.flags,
    heredocs: line.heredocs,
    skippedRules,
    ...fields,
  } as Instruction;
}

function readFrom(line: Line): FieldsOf<'FROM'> | undefined {
  const [base, alias] = line.words().map((word) => line.checked(word));
  const name = alias?.raw.toLowerCase();
  if (name !== undefined && !STAGE_NAME.test(name)) {
    line.error('LANG_STAGE_NAME', alias.range, { data: { name: alias.raw } });
  }
  return {
    base,
    ...(name !== undefined && { alias: { name, word: alias } }),
    ...textFlags(line, ['platform', 'include', 'variant', 'mirror', 'edition', 'unattend']),
  };
}

/** The flags among these that have a value, as fields. */
function textFlags<N extends string>(line: Line, names: readonly N[]) {
  const given = names.map((name) => [name, flagValue(line, name)] as const);
  return Object.fromEntries(given.filter(([, value]) => value !== undefined)) as Record<N, never>;
}

function readRun(line: Line): FieldsOf<'RUN'> | undefined {
  const command = readRunCommand(line);
  if (command?.form === 'exec' && command.argv.length === 0) return line.needsArguments();
  const flag = flagValue(line, 'network');
  const network = NETWORKS.find((name) => name === flag?.raw);
  if (flag && flag.raw !== '' && !network) wrongValue(line, 'network', flag);
  const layer = hasFlag(line, 'layer') ? { layer: flagIsSet(line, 'layer') } : {};
  return command && { command, network: network ?? 'default', ...layer };
}

function commandField(line: Line): FieldsOf<'CMD'> | undefined {
  const command = readCommand(line);
  return command && { command };
}

function readShell(line: Line): FieldsOf<'SHELL'> | undefined {
  const command = readCommand(line);
  if (command?.form === 'exec' && command.argv.length > 0) return { argv: command.argv };
  return command && line.error('LANG_JSON', command.range);
}

function readExpose(line: Line): FieldsOf<'EXPOSE'> {
  const ports = line.words().map((word) => line.checked(word));
  for (const { raw, range } of ports) {
    if (!/[$'"\\`]/.test(raw) && portsOf(raw) === undefined)
      line.error('LANG_PORT', range, { data: { value: raw } });
  }
  return { ports };
}

function readVolume(line: Line): FieldsOf<'VOLUME'> | undefined {
  const [others] = line.tokens('JsonOfOthers');
  if (others) return line.error('LANG_JSON', line.word(others).range);
  const paths = line.words().map((word) => line.checked(word));
  if (paths.length === 0 || paths.some((word) => word.raw.trim() === '')) return line.needsArguments();
  return { paths };
}
