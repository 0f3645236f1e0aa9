/** Checks of variables: used but never set, and secrets that would stay in the image. */
import type { FromInstruction, Recipe, SourceRange, StageInstruction, Word } from '../ast.ts';
import { didYouMean } from '../diagnostic.ts';
import { expandText, expandWord } from '../expand.ts';
import { allInstructions, createSuggest, type Report, type Rule } from './rule.ts';

/** Set for every FROM without an ARG. */
const AUTOMATIC = ['TARGET', 'BUILD'].flatMap((side) =>
  ['PLATFORM', 'OS', 'ARCH', 'VARIANT', 'OSVERSION'].map((part) => side + part),
);
const PROXIES = ['HTTP_PROXY', 'HTTPS_PROXY', 'FTP_PROXY', 'NO_PROXY', 'ALL_PROXY'];
const PREDEFINED = ['PATH', ...PROXIES, ...PROXIES.map((name) => name.toLowerCase())];
const SECRET = /(?:^|_)(?:api_?key|auth|credentials?|key|passw(?:or)?d|pword|secret|token)(?:_|$)/i;
const NOT_SECRET = /(?:^|_)(?:public|gpg_key|keyring)(?:_|$)/i;

export const argRules: readonly Rule[] = [
  {
    name: 'UndefinedArgInFrom',
    description: 'FROM uses ARGs that are declared before the first FROM.',
    severity: 'warning',
    check: (recipe, report) => {
      const declared = recipe.globalArgs.flatMap((arg) => arg.declarations.map(({ name }) => name.raw));
      const suggest = createSuggest();
      const names = known([...declared, ...AUTOMATIC, 'TARGETSTAGE']);
      for (const { from } of recipe.stages) {
        reportUnset(recipe, wordsOfFrom(from), names, (name, range) => {
          const near = didYouMean(suggest(name, () => Object.keys(names)));
          report(from, range, `FROM uses ${name}, which no ARG before the first FROM declares`, near);
        });
      }
    },
  },
  {
    name: 'UndefinedVar',
    description: 'Variables are set before they are used.',
    severity: 'warning',
    check: checkStages,
  },
  {
    name: 'SecretsUsedInArgOrEnv',
    description:
      'Passwords, keys and tokens are not in ARG or ENV, where anyone who has the image can read them.',
    severity: 'warning',
    check: (recipe, report) => {
      for (const instruction of allInstructions(recipe)) {
        for (const { raw, range } of namesSetBy(instruction)) {
          if (!SECRET.test(raw) || NOT_SECRET.test(raw)) continue;
          report(
            instruction,
            range,
            `${raw} looks like a secret; ${instruction.kind} would keep it in the image`,
          );
        }
      }
    },
  },
];

interface Known {
  /** The names, each with some value. */
  readonly names: Record<string, string>;
  /** False when the base may set variables that the recipe does not show. */
  readonly complete: boolean;
}

function checkStages(recipe: Recipe, report: Report): void {
  const named = new Map<string, Known>();
  const suggest = createSuggest();
  for (const { name, from, instructions } of recipe.stages) {
    const known = startOf(from.base.raw.toLowerCase(), named);
    for (const instruction of instructions) {
      reportUnset(recipe, wordsOf(instruction), known.names, (variable, range) => {
        const near = didYouMean(suggest(variable, () => Object.keys(known.names)));
        if (known.complete || near) report(instruction, range, `${variable} is not set here`, near);
      });
      for (const { raw } of namesSetBy(instruction)) known.names[raw] = 'x';
    }
    if (name !== undefined) named.set(name, known);
  }
}

function startOf(base: string, named: ReadonlyMap<string, Known>): Known {
  const below = named.get(base);
  if (below) return { names: { ...below.names }, complete: below.complete };
  return { names: known(PREDEFINED), complete: /^(?:scratch$|debootstrap:)/.test(base) };
}

function known(names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, 'x']));
}

interface Expandable {
  readonly word: Word;
  readonly expand: typeof expandWord;
}

function reportUnset(
  recipe: Recipe,
  words: readonly Expandable[],
  names: Readonly<Record<string, string>>,
  report: (name: string, range: SourceRange) => void,
): void {
  // Whose escape character is the backtick is for Windows, where names do not differ in case.
  const ignoreCase = recipe.directives.escape === '`';
  for (const { word, expand } of words) {
    if (!word.raw.includes('$')) continue;
    try {
      expand(word, names, { recipe, ignoreCase, onUndefined: report });
    } catch {
      // What is malformed is reported already; `${name:?}` is for the build to say.
    }
  }
}

const plain = (word: Word | undefined): Expandable[] => (word ? [{ word, expand: expandWord }] : []);

function wordsOfFrom({
  base,
  platform,
  include,
  variant,
  mirror,
  edition,
  unattend,
}: FromInstruction): Expandable[] {
  return [base, platform, include, variant, mirror, edition, unattend].flatMap(plain);
}

/** The words whose variables are filled in before the instruction runs. */
function wordsOf(instruction: StageInstruction): Expandable[] {
  switch (instruction.kind) {
    case 'COPY':
    case 'ADD':
      return [
        ...instruction.sources.flatMap((source) => (source.type === 'path' ? plain(source.word) : [])),
        ...[instruction.destination, instruction.chown, instruction.chmod].flatMap(plain),
        ...instruction.heredocs
          .filter((heredoc) => heredoc.expand)
          .map(({ body, bodyRange }) => ({ word: { raw: body, range: bodyRange }, expand: expandText })),
      ];
    case 'ENV':
    case 'LABEL':
    case 'MACHINE':
      return instruction.pairs.flatMap(({ key, value }) => [...plain(key), ...plain(value)]);
    case 'ARG':
      return instruction.declarations.flatMap((declaration) => plain(declaration.default));
    case 'WORKDIR':
      return plain(instruction.path);
    case 'USER':
      return plain(instruction.user);
    case 'STOPSIGNAL':
      return plain(instruction.signal);
    case 'EXPOSE':
      return instruction.ports.flatMap(plain);
    case 'VOLUME':
      return instruction.paths.flatMap(plain);
    default:
      return [];
  }
}

function namesSetBy(instruction: StageInstruction | FromInstruction): Word[] {
  if (instruction.kind === 'ENV') return instruction.pairs.map(({ key }) => key);
  if (instruction.kind === 'ARG') return instruction.declarations.map(({ name }) => name);
  return [];
}
