/** What is wrong with a call, as the documentation of the cmdlets has it: see test/support/powershell/contract. */
import { chooseSet } from '../../../support/powershell/contract/choose-set.ts';
import { readContract, type CmdletContract } from '../../../support/powershell/contract/contract.ts';
import { NEWER_PARAMETERS } from '../../../support/powershell/static/check-calls.ts';

/** As calls.ps1 reads it: written directly, with a splatted table, or put together of `AddCommand` and `AddParameter`. */
export interface CommandCall {
  readonly at: string;
  readonly command: string;
  readonly parameters: readonly string[];
  /** Those of them that are given only sometimes. */
  readonly optional: readonly string[];
  /** Of those that are written as plain text. */
  readonly values: Readonly<Record<string, string>>;
  readonly isPiped: boolean;
  /** What the engine's static binder says. */
  readonly problems: readonly string[];
}

/** about_CommonParameters: of every cmdlet, in every version. ProgressAction came with 7.4. */
const COMMON: readonly string[] = [
  'Verbose',
  'Debug',
  'ErrorAction',
  'WarningAction',
  'InformationAction',
  'ErrorVariable',
  'WarningVariable',
  'InformationVariable',
  'OutVariable',
  'OutBuffer',
  'PipelineVariable',
];

/** Whose cmdlets are all in the contract, and have to be told to stop. */
const MODULES = ['Hyper-V', 'Storage', 'Dism'];

const contract = new Map<string, CmdletContract[]>(
  Map.groupBy(readContract().cmdlets, ({ module, name }) => `${module}\\${name}`),
);

export function problemsOf(call: CommandCall): string[] {
  const { at, command, parameters, optional, values, problems } = call;
  const [module = '', name = ''] = command.split('\\');
  const editions = contract.get(command);
  if (editions === undefined && MODULES.includes(module)) return [`${at}: there is no ${command}`];
  const isStopped =
    editions === undefined || (values.ErrorAction === 'Stop' && !optional.includes('ErrorAction'));
  const newer = parameters.filter((own) => NEWER_PARAMETERS[name]?.includes(own) || own === 'ProgressAction');
  const all = [
    ...(editions ?? []).flatMap((cmdlet) => problemsIn(cmdlet, call)),
    ...newer.map((own) => `${command} -${own} is not in Windows PowerShell 5.1`),
    ...problems.map((text) => `${command}: ${text}`),
    ...(isStopped ? [] : [`${command} without -ErrorAction Stop`]),
  ];
  return all.length === 0 ? [] : [`${at}: ${[...new Set(all)].join('; ')}`];
}

function problemsIn(cmdlet: CmdletContract, call: CommandCall): string[] {
  const { command, parameters, optional, values, isPiped } = call;
  const own = parameters.filter((name) => !COMMON.includes(name));
  const unknown = own.filter((name) => !Object.hasOwn(cmdlet.parameters, name));
  const ways = [own, own.filter((name) => !optional.includes(name))];
  return [
    ...unknown.map((name) => `${command} has no -${name}`),
    ...(unknown.length > 0 ? [] : ways.flatMap((names) => setProblem(cmdlet, command, names, isPiped))),
    ...Object.entries(values)
      .filter(([name, value]) => !accepts(cmdlet, name, value))
      .map(([name, value]) => `${command} -${name} is no ${value}`),
  ];
}

function setProblem(
  cmdlet: CmdletContract,
  command: string,
  names: readonly string[],
  isPiped: boolean,
): string[] {
  const choice = chooseSet(cmdlet, names, isPiped);
  if ('set' in choice) return [];
  const count = choice.problem === 'ambiguous' ? 'more than one set' : 'no set';
  return [`${count} of ${command} takes ${names.map((name) => `-${name}`).join(' ') || 'nothing'}`];
}

function accepts({ parameters }: CmdletContract, name: string, value: string): boolean {
  const known = parameters[name]?.values ?? [];
  return known.length === 0 || known.includes(value);
}
