/**
 * What `cmd.exe /S /C "..."` is in the stand-in's guests: the commands that tests use, with Windows' way of quoting,
 * chaining, redirecting and expanding. A program that it does not know is looked for on PATH; what is neither fails as
 * on Windows, so that nothing passes by being ignored.
 */
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { writtenCommandLine } from './command-line.ts';
import { exitCodeOf, leaveExitCode } from './exit-code.ts';
import { guestPath, hostPath } from './paths.ts';

/** Ends the interpreter. */
class Exit extends Error {
  readonly status: number;
  constructor(status: number) {
    super(`exit ${status}`);
    this.status = status;
  }
}

interface Output {
  write(text: string): void;
}

type Builtin = (words: readonly string[], out: Output, rest: string) => number;

const BUILTINS: Readonly<Record<string, Builtin>> = {
  echo: (_, out, rest) => print(out, rest.replace(/^ /, '')),
  rem: () => 0,
  ver: (_, out) => print(out, '\r\nMicrosoft Windows [Version 10.0.26100.1]'),
  exit: (words) => {
    const status = words.find((word) => /^-?\d+$/.test(word));
    throw new Exit(status === undefined ? 0 : Number(status));
  },
  set: (_, __, rest) => {
    const [name, ...value] = unquote(rest.trim()).split('=');
    process.env[name] = value.join('=');
    return 0;
  },
  cd: ([folder], out) => {
    if (folder === undefined) return print(out, guestPath(process.cwd()));
    process.chdir(hostPath(folder));
    return 0;
  },
  mkdir: (folders) => each(folders, (folder) => mkdirSync(folder, { recursive: true })),
  type: (files, out) => each(files, (file) => out.write(readFileSync(file, 'utf8'))),
  copy: ([from, to]) => {
    const [source, target] = [hostPath(from), hostPath(to)];
    copyFileSync(
      source,
      existsSync(target) && statSync(target).isDirectory()
        ? path.join(target, path.basename(source))
        : target,
    );
    return 0;
  },
  del: (files) =>
    each(
      files.filter((word) => !word.startsWith('/')),
      (file) => rmSync(file),
    ),
};
const ALIASES: Readonly<Record<string, string>> = { md: 'mkdir', chdir: 'cd', erase: 'del' };

function print(out: Output, text: string): number {
  out.write(text + '\r\n');
  return 0;
}

function each(words: readonly string[], body: (file: string) => unknown): number {
  for (const word of words) body(hostPath(word));
  return 0;
}

const unquote = (text: string): string => text.replace(/^"(.*)"$/, '$1');

/** `a && b`, `a || b`, `a & b`, from left to right. */
function runLine(line: string): number {
  const parts = splitOutside(line, /^(&&|\|\||&)/);
  let status = 0;
  let operator = '&';
  for (const { text, separator } of parts) {
    const isWanted = operator === '&' || (operator === '&&') === (status === 0);
    if (isWanted) status = runOne(text);
    operator = separator;
  }
  return status;
}

function runOne(text: string): number {
  const expanded = text.trimStart().replace(/%([^%]+)%/g, (whole, name: string) => lookUp(name) ?? whole);
  const condition = /^if (not )?exist ("[^"]*"|\S+) (.*)$/i.exec(expanded);
  if (condition !== null) {
    const [, not, file, then] = condition;
    return existsSync(hostPath(unquote(file))) === (not === undefined) ? runOne(then) : 0;
  }
  const [{ text: command, separator }, target] = splitOutside(expanded, /^(>>|>)/);
  const out =
    target === undefined ? process.stdout : redirect(unquote(target.text.trim()), separator === '>>');
  const name = /^\S+/.exec(command)?.[0] ?? '';
  const builtin = BUILTINS[ALIASES[name.toLowerCase()] ?? name.toLowerCase()];
  try {
    if (name === '') return 0;
    if (builtin !== undefined) return builtin(words(command).slice(1), out, command.slice(name.length));
    return runProgram(words(command), out);
  } catch (error) {
    if (error instanceof Exit) throw error;
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\r\n`);
    return 1;
  }
}

function lookUp(name: string): string | undefined {
  const key = Object.keys(process.env).find((known) => known.toLowerCase() === name.toLowerCase());
  return key === undefined ? undefined : process.env[key];
}

function redirect(file: string, isAppended: boolean): Output {
  if (file.toLowerCase() === 'nul') return { write: () => undefined };
  const target = hostPath(file);
  if (!isAppended) writeFileSync(target, '');
  return { write: (text) => appendFileSync(target, text) };
}

function runProgram([name, ...args]: readonly string[], out: Output): number {
  const candidates = name.toLowerCase().endsWith('.exe') ? [name] : [name, `${name}.exe`];
  for (const candidate of candidates) {
    const program = candidate.includes('\\') ? hostPath(candidate) : candidate;
    const isShown = out === process.stdout;
    const ended = spawnSync(program, args, { stdio: ['inherit', isShown ? 'inherit' : 'pipe', 'inherit'] });
    if (ended.error !== undefined) continue;
    if (!isShown) out.write(ended.stdout.toString());
    return exitCodeOf(ended.pid, ended.status ?? 1);
  }
  process.stderr.write(
    `'${name}' is not recognized as an internal or external command,\r\noperable program or batch file.\r\n`,
  );
  return 1;
}

/** Words outside and inside double quotes; the quotes go. */
function words(command: string): string[] {
  return [...command.matchAll(/(?:[^\s"]|"[^"]*")+/g)].map(([word]) => word.replaceAll('"', ''));
}

/** Cuts at an operator that stands outside double quotes. */
function splitOutside(text: string, operator: RegExp): { text: string; separator: string }[] {
  const parts: { text: string; separator: string }[] = [];
  let start = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '"') isQuoted = !isQuoted;
    const found = isQuoted ? null : operator.exec(text.slice(at));
    if (found === null) continue;
    parts.push({ text: text.slice(start, at), separator: found[0] });
    at += found[0].length - 1;
    start = at + 1;
  }
  return [...parts, { text: text.slice(start), separator: '' }];
}

/** /S: the first and the last quote of the whole go, the others stay. */
function commandOf(args: readonly string[]): string {
  const line = writtenCommandLine(args) ?? args.join(' ');
  const found = /(?:^|\s)\/c\s+(.*)$/is.exec(line);
  if (found === null) throw new Error('the stand-in only knows cmd.exe /C');
  return found[1].replace(/^"(.*)"$/s, '$1');
}

try {
  leaveExitCode(runLine(commandOf(process.argv.slice(2))));
} catch (error) {
  if (!(error instanceof Exit)) throw error;
  leaveExitCode(error.status);
}
