/** Checks of FROM, of stages' names, and of what refers to them. */
import { didYouMean } from '../diagnostic.ts';
import { createSuggest, perStage, type Rule } from './rule.ts';

export const stageRules: readonly Rule[] = [
  {
    name: 'DuplicateStageName',
    description: 'No two stages have the same name.',
    severity: 'error',
    code: 'LANG_DUPLICATE_STAGE',
    check: (recipe, report) => {
      const lines = new Map<string, number>();
      for (const { from } of recipe.stages) {
        if (!from.alias) continue;
        const { name, word } = from.alias;
        const line = lines.get(name);
        if (line === undefined) lines.set(name, from.range.start.line);
        else report(from, word.range, `the stage ${name} exists already, in line ${line}`);
      }
    },
  },
  {
    name: 'ReservedStageName',
    description: 'No stage is called scratch or context.',
    severity: 'warning',
    check: perStage(({ name, from }, report) => {
      if (name !== 'scratch' && name !== 'context') return;
      report(
        from,
        from.alias?.word.range ?? from.range,
        `${name} has a meaning of its own; choose another name`,
      );
    }),
  },
  {
    name: 'StageNameCasing',
    description: 'Names of stages are in lower case.',
    severity: 'warning',
    check: perStage(({ from }, report) => {
      if (!from.alias || from.alias.word.raw === from.alias.name) return;
      report(from, from.alias.word.range, 'names of stages are in lower case', `write ${from.alias.name}`);
    }),
  },
  {
    name: 'FromAsCasing',
    description: 'FROM and AS are written in the same case.',
    severity: 'warning',
    check: perStage(({ from }, report) => {
      const as = / (AS) \S+$/i.exec(from.raw.replace(/\s+/g, ' '))?.[1];
      const keyword = from.keyword.raw;
      if (!from.alias || as === undefined) return;
      const isMixed = keyword !== keyword.toUpperCase() && keyword !== keyword.toLowerCase();
      const wanted = keyword === keyword.toUpperCase() ? 'AS' : 'as';
      if (!isMixed && as !== wanted)
        report(from, from.range, `${keyword} and ${as} differ in case`, `write ${wanted}`);
    }),
  },
  {
    name: 'CopyFromNearStage',
    description: 'COPY --from names a stage, unless an image is meant.',
    severity: 'warning',
    check: (recipe, report) => {
      const earlier = new Set<string>();
      const suggest = createSuggest();
      for (const { name, instructions } of recipe.stages) {
        for (const instruction of instructions) {
          if (instruction.kind !== 'COPY' || !instruction.from) continue;
          const { raw, range } = instruction.from;
          if (/[/:@.$]|^\d+$/.test(raw) || earlier.has(raw.toLowerCase())) continue;
          const near = suggest(raw, () => earlier);
          if (near)
            report(instruction, range, `no stage is called ${raw}, so an image is meant`, didYouMean(near));
        }
        if (name !== undefined) earlier.add(name);
      }
    },
  },
];
