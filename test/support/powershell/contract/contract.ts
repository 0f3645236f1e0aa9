/**
 * What Microsoft documents of the cmdlets that src/drivers/hyperv may call: every parameter set of Hyper-V, Storage and
 * the remoting cmdlets, with types, positions, pipeline binding, aliases and values. The stand-in is generated from it
 * and calls are checked against it. test/fixtures/hyperv-contract.json is a compact copy of ../shared's list: one
 * cmdlet a line. dism-contract.json beside it has the two cmdlets of DISM, written down from the same documentation.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';

export interface Contract {
  /** Repository and commit of each documentation the list was read from. */
  readonly generatedFrom: Readonly<Record<string, string>>;
  /** Where two places of the documentation contradict each other: cmdlet, source, set, parameter, what, one, other. */
  readonly disagreements: readonly (readonly unknown[])[];
  readonly cmdlets: readonly CmdletContract[];
}

export interface CmdletContract {
  readonly name: string;
  readonly module: string;
  /** The edition of the documentation: `winserver2025-ps`, `5.1`, `7.6`. */
  readonly source: string;
  readonly parameters: Readonly<Record<string, ParameterContract>>;
  readonly sets: readonly ParameterSet[];
  readonly outputs: readonly string[];
}

/** What is the same in all sets. */
export interface ParameterContract {
  /** .NET's short name, with `[]` for an array. */
  readonly type: string;
  readonly aliases: readonly string[];
  /** What it accepts; empty: anything of its type. */
  readonly values: readonly string[];
}

export interface ParameterSet {
  readonly name: string;
  readonly isDefault: boolean;
  /** Not every parameter is in every set. */
  readonly parameters: Readonly<Record<string, SetParameter>>;
}

export interface SetParameter {
  readonly isMandatory: boolean;
  readonly position: number | null;
  readonly byValue: boolean;
  readonly byPropertyName: boolean;
}

export const CONTRACT_PATH = path.resolve(import.meta.dirname, '../../../fixtures/hyperv-contract.json');
export const SHARED_CONTRACT_PATH = path.resolve(
  import.meta.dirname,
  '../../../../../shared/reference/hyperv-contract.json',
);

const DISM_CONTRACT_PATH = path.resolve(import.meta.dirname, '../../../fixtures/dism-contract.json');

export function readContract(): Contract {
  const [copy, dism] = [CONTRACT_PATH, DISM_CONTRACT_PATH].map(
    (file) => JSON.parse(readFileSync(file, 'utf8')) as CopiedContract,
  );
  const all = [...copy.cmdlets, ...dism.cmdlets];
  return { ...copy, cmdlets: all.map((cmdlet) => ({ ...cmdlet, sets: cmdlet.sets.map(decodeSet) })) };
}

/** The copy writes what a set says of a parameter as one word: `*` mandatory, a position, `v` by value, `n` by name. */
type CopiedSet = Omit<ParameterSet, 'parameters'> & { readonly parameters: Readonly<Record<string, string>> };
type CopiedCmdlet = Omit<CmdletContract, 'sets'> & { readonly sets: readonly CopiedSet[] };
type CopiedContract = Omit<Contract, 'cmdlets'> & { readonly cmdlets: readonly CopiedCmdlet[] };

function decodeSet(set: CopiedSet): ParameterSet {
  const own = Object.entries(set.parameters).map(([name, word]) => {
    const digits = /\d+/.exec(word);
    const position = digits && Number(digits[0]);
    const [isMandatory, byValue, byPropertyName] = ['*', 'v', 'n'].map((mark) => word.includes(mark));
    return [name, { isMandatory, position, byValue, byPropertyName }] as const;
  });
  return { ...set, parameters: Object.fromEntries(own) };
}

/** One parameter set, as ../shared lists it. */
interface ListedSet {
  readonly cmdlet: string;
  readonly module: string;
  readonly source: string;
  readonly set: string;
  readonly default: boolean;
  readonly provider?: string;
  readonly outputs: readonly string[];
  readonly parameters: readonly {
    readonly name: string;
    readonly type: string;
    readonly required: boolean;
    readonly position: number | null;
    readonly pipeline: readonly string[];
    readonly aliases: readonly string[];
    readonly values: readonly string[];
  }[];
}

/** The text of the copy: what ../shared lists, gathered by cmdlet. */
export function compactContract(text: string): string {
  const listed = JSON.parse(text) as {
    entries: ListedSet[];
    generatedFrom: unknown;
    disagreements: unknown[];
  };
  const cmdlets = Map.groupBy(listed.entries, (entry) => `${entry.cmdlet} ${entry.source}`);
  const lines = [...cmdlets.values()].map((entries) => JSON.stringify(gather(entries)));
  const rows = (values: readonly string[]): string => `[\n${values.join(',\n')}\n]`;
  return `{
"generatedFrom": ${JSON.stringify(listed.generatedFrom)},
"disagreements": ${rows(listed.disagreements.map((row) => JSON.stringify(row)))},
"cmdlets": ${rows(lines)}
}
`;
}

function gather(entries: readonly ListedSet[]): CopiedCmdlet {
  const [{ cmdlet, module, source, outputs }] = entries;
  const parameters: Record<string, ParameterContract> = {};
  for (const { name, type, aliases, values } of entries.flatMap((entry) => entry.parameters))
    parameters[name] ??= { type, aliases, values };
  const sets = entries.map((entry): CopiedSet => {
    const own = entry.parameters.map(({ name, required, position, pipeline }) => {
      const marks = [
        required && '*',
        position,
        pipeline.includes('ByValue') && 'v',
        pipeline.includes('ByPropertyName') && 'n',
      ];
      return [name, marks.filter((mark) => mark !== false && mark !== null).join('')] as const;
    });
    const name = entry.provider === undefined ? entry.set : `${entry.set} (${entry.provider})`;
    return { name, isDefault: entry.default, parameters: Object.fromEntries(own) };
  });
  return { name: cmdlet, module, source, parameters, sets, outputs };
}
