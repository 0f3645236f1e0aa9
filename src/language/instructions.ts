/** The one table of instructions: the form of their arguments and their flags. Tokens and grammar come from it. */

/**
 * How the line after the keyword is cut: `from` and `words` at spaces; `files` too, with heredocs and a JSON form;
 * `paths` as files without heredocs; `pairs` into `key=value`; `text` not at all; `command` and `script` as text or
 * JSON, a script with heredocs; `health` into NONE, or CMD and a command; `alone` holds nothing.
 */
export type Form =
  'from' | 'words' | 'files' | 'paths' | 'pairs' | 'text' | 'command' | 'script' | 'health' | 'alone';

export interface FlagRule {
  /** What the value is, for messages. Absent: yes or no, and the value may be left out. */
  readonly value?: string;
  /** May be given several times. */
  readonly repeats?: boolean;
  /** Known, but what it asks for cannot be done yet. */
  readonly unsupported?: boolean;
}

export interface InstructionRule {
  readonly form: Form;
  /** What the instruction takes, for messages. */
  readonly expected: string;
  readonly flags?: Readonly<Record<string, FlagRule>>;
}

const later = { unsupported: true } as const;
const owner = { value: 'user[:group]' };
const mode = { value: 'an octal mode or a symbolic one' };
const duration = { value: 'a duration' };

export const INSTRUCTIONS = {
  FROM: {
    form: 'from',
    expected: 'one base, and AS with a name when the stage has one',
    flags: {
      platform: { value: 'a platform' },
      include: { value: 'packages, separated by commas' },
      variant: { value: 'a variant of debootstrap' },
      mirror: { value: 'the URL of a mirror' },
      edition: { value: 'the name or number of an edition' },
      unattend: { value: 'an answer file' },
    },
  },
  RUN: {
    form: 'script',
    expected: 'a command, a JSON array or a heredoc',
    flags: {
      network: { value: 'default, none or host' },
      layer: {},
      mount: { value: 'a mount', repeats: true, ...later },
      security: { value: 'sandbox or insecure', ...later },
      device: { value: 'a device', repeats: true, ...later },
    },
  },
  COPY: {
    form: 'files',
    expected: 'at least one source and a destination',
    flags: {
      from: { value: 'a stage or an image' },
      chown: owner,
      chmod: mode,
      link: {},
      parents: later,
      exclude: { value: 'a pattern', repeats: true, ...later },
    },
  },
  ADD: {
    form: 'files',
    expected: 'at least one source and a destination',
    flags: {
      chown: owner,
      chmod: mode,
      link: {},
      checksum: { value: 'sha256: and a digest' },
      'keep-git-dir': later,
      unpack: later,
      exclude: { value: 'a pattern', repeats: true, ...later },
    },
  },
  ENV: { form: 'pairs', expected: 'one or more key=value' },
  ARG: { form: 'pairs', expected: 'one or more names, each with =default or without' },
  LABEL: { form: 'pairs', expected: 'one or more key=value' },
  WORKDIR: { form: 'text', expected: 'a path' },
  USER: { form: 'text', expected: 'user[:group]' },
  EXPOSE: { form: 'words', expected: 'one or more ports' },
  VOLUME: { form: 'paths', expected: 'one or more paths, or a JSON array of them' },
  CMD: { form: 'command', expected: 'a command or a JSON array' },
  ENTRYPOINT: { form: 'command', expected: 'a command or a JSON array' },
  SHELL: { form: 'command', expected: 'a JSON array of a program and its arguments' },
  STOPSIGNAL: { form: 'text', expected: 'the name or number of a signal' },
  HEALTHCHECK: {
    form: 'health',
    expected: 'NONE, or CMD with a command',
    flags: {
      interval: duration,
      timeout: duration,
      'start-period': duration,
      'start-interval': duration,
      retries: { value: 'a number' },
    },
  },
  MACHINE: { form: 'pairs', expected: 'one or more key=value' },
  REBOOT: { form: 'alone', expected: 'no arguments' },
  MAINTAINER: { form: 'text', expected: 'a name' },
  ONBUILD: { form: 'script', expected: 'an instruction' },
} as const satisfies Record<string, InstructionRule>;

export type Keyword = keyof typeof INSTRUCTIONS;

export const KEYWORDS = Object.keys(INSTRUCTIONS) as Keyword[];

export function ruleOf(keyword: Keyword): InstructionRule {
  return INSTRUCTIONS[keyword];
}
