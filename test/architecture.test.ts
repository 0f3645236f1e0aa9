/** Holds the house rules that no compiler checks: who may import whom, who may touch the terminal, how big files get. */
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

const SOURCE = path.resolve(import.meta.dirname, '../src');
const MAX_LINES = 500;

/** What each folder may import besides itself; the longest prefix of a file's path decides. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  base: [],
  bytes: [],
  language: ['base'],
  disk: ['base', 'bytes'],
  vhdx: ['disk', 'bytes', 'base'],
  convert: ['vhdx', 'disk', 'bytes', 'base'],
  gpt: ['disk', 'bytes', 'base'],
  fs: ['disk', 'bytes', 'base'],
  fuse: ['disk', 'bytes', 'base'],
  'fuse/server/main.ts': ['fuse', 'vhdx', 'disk', 'bytes', 'base'],
  oci: ['bytes', 'base'],
  blob: ['oci', 'vhdx', 'disk', 'bytes', 'base'],
  registry: ['oci', 'base'],
  store: ['oci', 'vhdx', 'disk', 'bytes', 'base'],
  transfer: ['store', 'blob', 'oci', 'vhdx', 'disk', 'bytes', 'base'],
  'transfer/open-repository.ts': ['transfer', 'registry', 'oci', 'base'],
  cache: ['transfer', 'store', 'blob', 'oci', 'base'],
  plan: ['language', 'oci', 'base'],
  drivers: ['fs', 'oci', 'base'],
  'drivers/drivers.ts': ['drivers', 'base'],
  'drivers/*': [
    'drivers/driver.ts',
    'drivers/driver-options.ts',
    'disk',
    'vhdx',
    'fs',
    'fuse',
    'gpt',
    'oci',
    'bytes',
    'base',
  ],
  build: [
    'convert',
    'drivers',
    'plan',
    'cache',
    'transfer',
    'store',
    'oci',
    'fuse',
    'fs',
    'gpt',
    'vhdx',
    'disk',
    'language',
    'bytes',
    'base',
  ],
  cli: ['*'],
  'index.ts': ['*'],
};

/**
 * Programs are started by process.ts in base and the small files beside it. PowerShell is started by the library that
 * also talks to it; one file wraps that, and ends it through base.
 */
const PROCESS_STARTERS = /^base\/|^drivers\/hyperv\/session\/shell\.ts$/;
/** The disk server is a program of its own. */
const TERMINAL = /^cli\/|^fuse\/server\/main\.ts$/;

interface SourceFile {
  /** Relative to src, with `/`. */
  readonly name: string;
  readonly lines: readonly string[];
  readonly imports: readonly { readonly target: string; readonly line: number; readonly isType: boolean }[];
}

const files: readonly SourceFile[] = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => /\.(ts|cts|mts|cjs|js)$/.test(name))
  .map(readSource);

function readSource(name: string): SourceFile {
  const text = readFileSync(path.join(SOURCE, name), 'utf8');
  const imports = [
    ...text.matchAll(/^(?:import|export)\b[^'"=]*?['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm),
  ];
  return {
    name,
    lines: text.split('\n'),
    imports: imports.map((match) => ({
      isType: /^(import|export) type\b/.test(match[0]),
      target: resolveImport(name, match[1] ?? match[2] ?? ''),
      line: text.slice(0, match.index).split('\n').length + match[0].split('\n').length - 1,
    })),
  };
}

/** A path relative to src for our own files, the specifier for others. */
function resolveImport(from: string, specifier: string): string {
  return specifier.startsWith('.') ? path.posix.join(path.posix.dirname(from), specifier) : specifier;
}

function isOurs(target: string): boolean {
  return /\.(ts|cjs)$/.test(target) && !target.startsWith('..');
}

/** The unit whose arrows a file follows: itself when it is named in the table, a driver, or its top folder. */
function unitOf(name: string): string {
  if (name in ARROWS) return name;
  const [top = '', second = '', third] = name.split('/');
  return top === 'drivers' && third !== undefined ? `drivers/${second}` : top;
}

function allowed(from: string, target: string): boolean {
  const unit = unitOf(from);
  if (target.startsWith(unit.endsWith('.ts') ? path.posix.dirname(unit) : `${unit}/`))
    return isWithinUnit(unit, target);
  const arrows = ARROWS[unit] ?? (unit.startsWith('drivers/') ? ARROWS['drivers/*'] : []) ?? [];
  return arrows.some((arrow) => arrow === '*' || target === arrow || target.startsWith(`${arrow}/`));
}

/** drivers/driver.ts is below the drivers, although it lies in the folder above. */
function isWithinUnit(unit: string, target: string): boolean {
  return unit !== 'drivers' || unitOf(target) === 'drivers';
}

/** Lines that match a pattern, without comments; as `file:line`. */
function places(pattern: RegExp, excused: RegExp): string[] {
  return files
    .filter(({ name }) => !excused.test(name))
    .flatMap(({ name, lines }) =>
      lines.flatMap((line, index) => {
        const code = line.replace(/^\s*(\/?\*|\/\/).*|\s\/\/ .*$/, '');
        return pattern.test(code) ? [`src/${name}:${index + 1}: ${line.trim()}`] : [];
      }),
    );
}

test('every folder has its arrows in the table', () => {
  expect([...new Set(files.map(({ name }) => unitOf(name)))].filter((unit) => !knows(unit))).toEqual([]);
});

function knows(unit: string): boolean {
  return unit in ARROWS || unit.startsWith('drivers/');
}

test('imports follow the arrows', () => {
  const wrong = files.flatMap(({ name, imports }) =>
    imports
      .filter(({ target }) => isOurs(target) && !allowed(name, target))
      .map(({ target, line }) => `src/${name}:${line}: imports ${target}`),
  );
  expect(wrong).toEqual([]);
});

test('no folders import each other in a circle', () => {
  const arrows = new Map<string, Set<string>>();
  for (const { name, imports } of files) {
    const targets = imports.filter(({ target }) => isOurs(target)).map(({ target }) => unitOf(target));
    const known = arrows.get(unitOf(name)) ?? new Set<string>();
    for (const target of targets) if (target !== unitOf(name)) known.add(target);
    arrows.set(unitOf(name), known);
  }
  const circles = [...arrows.keys()]
    .map((unit) => circleFrom(unit, arrows, []))
    .filter((circle) => circle !== undefined);
  expect(circles).toEqual([]);
});

function circleFrom(
  unit: string,
  arrows: ReadonlyMap<string, Set<string>>,
  way: readonly string[],
): string | undefined {
  if (way[0] === unit) return [...way, unit].join(' -> ');
  if (way.includes(unit)) return undefined;
  for (const target of arrows.get(unit) ?? []) {
    const circle = circleFrom(target, arrows, [...way, unit]);
    if (circle !== undefined) return circle;
  }
  return undefined;
}

test('only the command line uses the terminal and sets the exit status', () => {
  expect(places(/\bprocess\.(stdout|stderr|exit|exitCode)\b|\bconsole\./, TERMINAL)).toEqual([]);
});

test('only base starts programs', () => {
  const wrong = files
    .filter(({ name }) => !PROCESS_STARTERS.test(name))
    .flatMap(({ name, imports }) =>
      imports
        .filter(
          ({ target, isType }) =>
            !isType && /^(node:child_process|child_process|execa|node-powershell)$/.test(target),
        )
        .map(({ target, line }) => `src/${name}:${line}: imports ${target}`),
    );
  expect(wrong).toEqual([]);
});

test('no file is longer than one can read, and none is a drawer for anything', () => {
  const wrong = files
    .filter(({ name, lines }) => lines.length > MAX_LINES || /\b(utils?|helpers?|misc)\b/.test(name))
    .map(({ name, lines }) => `src/${name}: ${lines.length} lines`);
  expect(wrong).toEqual([]);
});
