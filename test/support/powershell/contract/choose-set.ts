/** Which parameter set PowerShell takes for a call. */
import type { CmdletContract, ParameterSet } from './contract.ts';

export type Choice =
  | { readonly set: ParameterSet }
  | { readonly problem: 'ambiguous' | 'impossible'; readonly missing: readonly string[] };

/**
 * about_Parameter_Sets: of the sets that have every argument, the default one is taken, else the one whose mandatory
 * parameters are all there; several such are ambiguous.
 *
 * @param names parameters that are given by name or position
 * @param isPiped whether what takes pipeline input may be given that way
 */
export function chooseSet(cmdlet: CmdletContract, names: readonly string[], isPiped = false): Choice {
  const having = cmdlet.sets.filter((set) => names.every((name) => name in set.parameters));
  const missingIn = (set: ParameterSet): string[] =>
    Object.entries(set.parameters)
      .filter(([name, own]) => own.isMandatory && !names.includes(name))
      .filter(([, own]) => !(isPiped && (own.byValue || own.byPropertyName)))
      .map(([name]) => name);
  const preferred = having.find((set) => set.isDefault);
  // What comes through the pipeline may decide against the default.
  const candidates = preferred === undefined || isPiped ? having : [preferred];
  const complete = candidates.filter((set) => missingIn(set).length === 0);
  const [first] = complete;
  if (first !== undefined && (complete.length === 1 || isPiped)) return { set: first };
  const problem = complete.length > 1 ? 'ambiguous' : 'impossible';
  return { problem, missing: candidates.length === 1 ? missingIn(candidates[0]) : [] };
}
