/**
 * What a recipe is after parsing. Words keep their quotes, escapes and variables: expansion happens later, when the
 * values are known (see expand.ts). Nothing here is checked against an image, a context or a host.
 */

/** A place in the text. `offset` counts UTF-16 code units from 0; `line` and `column` count from 1. */
export interface Position {
  readonly offset: number;
  readonly line: number;
  readonly column: number;
}

/** From `start` up to, not including, `end`. */
export interface SourceRange {
  readonly start: Position;
  readonly end: Position;
}

/** A word as written, on one line (continuations taken out): quotes, escapes and variables are still in it. */
export interface Word {
  readonly raw: string;
  readonly range: SourceRange;
}

/** `--name` or `--name=value` before an instruction's arguments. */
export interface Flag {
  /** Without the dashes. */
  readonly name: string;
  readonly value?: Word;
  readonly range: SourceRange;
}

/** `[fd]<<[-]NAME` on the instruction's line, and the lines that belong to it. */
export interface Heredoc {
  readonly name: string;
  /** The word on the instruction's line. */
  readonly range: SourceRange;
  /** The lines, each with its line end (`\n`), tabs already taken off the front when `<<-` says so. */
  readonly body: string;
  /** The lines as they lie in the recipe, without the terminator. */
  readonly bodyRange: SourceRange;
  /** False when any part of NAME was quoted: the body is literal. */
  readonly expand: boolean;
  readonly stripTabs: boolean;
}

/** What to run. */
export type Command = ShellCommand | ExecCommand;

/** A line for the instruction's SHELL; variables in it are the shell's business. */
export interface ShellCommand {
  readonly form: 'shell';
  /** Ready for the shell: heredocs that the line holds follow it, each with its terminator. */
  readonly line: string;
  readonly range: SourceRange;
}

/** The JSON form: a program and its arguments, taken literally. */
export interface ExecCommand {
  readonly form: 'exec';
  readonly argv: readonly string[];
  readonly range: SourceRange;
}

/** `RUN <<EOF`: the body is a script for its `#!` line, or else for the SHELL. */
export interface ScriptCommand {
  readonly form: 'script';
  readonly heredoc: Heredoc;
  /** The first line after `#!`, when the script starts with one. */
  readonly shebang?: string;
  readonly range: SourceRange;
}

interface InstructionBase<K extends string> {
  readonly kind: K;
  /** From the keyword to the end of the line, continuations and heredocs included; no line end. */
  readonly range: SourceRange;
  /** The keyword as written. */
  readonly keyword: Word;
  /** The recipe's text at `range`. */
  readonly raw: string;
  /**
   * The instruction in canonical form: upper-case keyword, flags, arguments, on one line; heredoc bodies follow on
   * lines of their own. For history and cache keys.
   */
  readonly text: string;
  /** Every flag, in the order written. The fields of each instruction hold the same values by name. */
  readonly flags: readonly Flag[];
  /** In the order of their words on the line. */
  readonly heredocs: readonly Heredoc[];
  /** Rules that a `# check=skip=` comment right above switches off for this instruction. */
  readonly skippedRules: readonly string[];
}

export interface FromInstruction extends InstructionBase<'FROM'> {
  /** Give its expanded form to `parseBase`. */
  readonly base: Word;
  readonly platform?: Word;
  /** The stage's name in lower case. */
  readonly alias?: { readonly name: string; readonly word: Word };
  /** Of a bootstrapped base (`debootstrap://`): these win over the same options in its query. */
  readonly include?: Word;
  readonly variant?: Word;
  readonly mirror?: Word;
  /** Of a medium that installs Windows (`.iso`). */
  readonly edition?: Word;
  readonly unattend?: Word;
}

export interface RunInstruction extends InstructionBase<'RUN'> {
  readonly command: Command | ScriptCommand;
  /** `host` and `default` are the same: the host's network. */
  readonly network: 'default' | 'none' | 'host';
  /** As `--layer` says; absent: it gets a layer of its own. */
  readonly layer?: boolean;
}

/** A file, folder, pattern or URL, or a file written in the recipe itself. */
export type CopySource =
  { readonly type: 'path'; readonly word: Word } | { readonly type: 'heredoc'; readonly heredoc: Heredoc };

export interface CopyInstruction extends InstructionBase<'COPY'> {
  readonly sources: readonly CopySource[];
  readonly destination: Word;
  /** A stage's name or number, or an image; not expanded. */
  readonly from?: Word;
  readonly chown?: Word;
  readonly chmod?: Word;
  /** Accepted; layers of ours never depend on what lies below a copied file. */
  readonly link: boolean;
}

export interface AddInstruction extends InstructionBase<'ADD'> {
  readonly sources: readonly CopySource[];
  readonly destination: Word;
  readonly chown?: Word;
  readonly chmod?: Word;
  readonly link: boolean;
  /** `sha256:<hex>` of what a URL gives. */
  readonly checksum?: Word;
}

export interface KeyValue {
  readonly key: Word;
  readonly value: Word;
  readonly range: SourceRange;
}

export interface EnvInstruction extends InstructionBase<'ENV'> {
  readonly pairs: readonly KeyValue[];
  /** `ENV key the rest`, the form without `=`. */
  readonly legacy: boolean;
}

export interface LabelInstruction extends InstructionBase<'LABEL'> {
  readonly pairs: readonly KeyValue[];
  readonly legacy: boolean;
}

export interface ArgDeclaration {
  readonly name: Word;
  readonly default?: Word;
  readonly range: SourceRange;
}

export interface ArgInstruction extends InstructionBase<'ARG'> {
  readonly declarations: readonly ArgDeclaration[];
}

export interface WorkdirInstruction extends InstructionBase<'WORKDIR'> {
  readonly path: Word;
}

export interface UserInstruction extends InstructionBase<'USER'> {
  readonly user: Word;
}

export interface ExposeInstruction extends InstructionBase<'EXPOSE'> {
  /** Each `port[-port][/protocol]` once expanded (see `parsePorts`). */
  readonly ports: readonly Word[];
}

export interface VolumeInstruction extends InstructionBase<'VOLUME'> {
  readonly paths: readonly Word[];
}

export interface CmdInstruction extends InstructionBase<'CMD'> {
  readonly command: Command;
}

export interface EntrypointInstruction extends InstructionBase<'ENTRYPOINT'> {
  readonly command: Command;
}

export interface ShellInstruction extends InstructionBase<'SHELL'> {
  readonly argv: readonly string[];
}

export interface StopsignalInstruction extends InstructionBase<'STOPSIGNAL'> {
  readonly signal: Word;
}

export interface HealthcheckInstruction extends InstructionBase<'HEALTHCHECK'> {
  /** Absent for `HEALTHCHECK NONE`. */
  readonly command?: Command;
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly startPeriodMs?: number;
  readonly startIntervalMs?: number;
  readonly retries?: number;
}

/** What the guest asks of the machine it runs in. */
export interface MachineInstruction extends InstructionBase<'MACHINE'> {
  /** Give each, once expanded, to `readMachineSetting`. */
  readonly pairs: readonly KeyValue[];
}

/** Starts the guest anew. */
export type RebootInstruction = InstructionBase<'REBOOT'>;

/** Deprecated: means `LABEL maintainer=...`, taken literally. */
export interface MaintainerInstruction extends InstructionBase<'MAINTAINER'> {
  readonly name: string;
}

/** What may follow FROM. */
export type StageInstruction =
  | RunInstruction
  | CopyInstruction
  | AddInstruction
  | EnvInstruction
  | LabelInstruction
  | ArgInstruction
  | WorkdirInstruction
  | UserInstruction
  | ExposeInstruction
  | VolumeInstruction
  | CmdInstruction
  | EntrypointInstruction
  | ShellInstruction
  | StopsignalInstruction
  | HealthcheckInstruction
  | MachineInstruction
  | RebootInstruction
  | MaintainerInstruction;

export type Instruction = FromInstruction | StageInstruction;

export interface Stage {
  /** From 0, in the order written. */
  readonly index: number;
  /** In lower case; absent when FROM names none. */
  readonly name?: string;
  readonly from: FromInstruction;
  readonly instructions: readonly StageInstruction[];
}

/** `# name=value` lines at the top. */
export interface Directives {
  readonly escape: '\\' | '`';
  /** Accepted and ignored. */
  readonly syntax?: string;
  readonly check: CheckDirective;
}

export interface CheckDirective {
  /** Names of rules, or `all`. */
  readonly skip: readonly string[];
  /** Warnings count as errors. */
  readonly error: boolean;
}

export interface Recipe {
  readonly fileName: string;
  /** The text that ranges point into. */
  readonly source: string;
  readonly directives: Directives;
  /** ARG before the first FROM: seen by FROM, and by stages that declare the name again. */
  readonly globalArgs: readonly ArgInstruction[];
  readonly stages: readonly Stage[];
}
