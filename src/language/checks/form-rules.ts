/** Checks of how things are written. */
import { createScanner, type Scanner } from '../scan.ts';
import type { Instruction, Word } from '../ast.ts';
import { allInstructions, perInstruction, type Rule } from './rule.ts';

export const formRules: readonly Rule[] = [
  {
    name: 'ConsistentInstructionCasing',
    description: 'All instructions are in upper case, or all in lower case.',
    severity: 'warning',
    check: (recipe, report) => {
      const all = allInstructions(recipe);
      const lower = all.filter(({ keyword }) => keyword.raw === keyword.raw.toLowerCase()).length;
      const wanted = lower > all.length / 2 ? 'lower' : 'upper';
      for (const instruction of all) {
        const { raw, range } = instruction.keyword;
        const right = wanted === 'lower' ? raw.toLowerCase() : raw.toUpperCase();
        if (raw !== right)
          report(instruction, range, `the other instructions are in ${wanted} case`, `write ${right}`);
      }
    },
  },
  {
    name: 'NoEmptyContinuation',
    description: 'A line that goes on is not followed by an empty one.',
    severity: 'warning',
    check: (recipe, report) => {
      const scanner = createScanner(recipe.directives.escape);
      for (const instruction of allInstructions(recipe)) {
        if (hasEmptyContinuation(instruction, scanner)) {
          report(instruction, instruction.keyword.range, 'an empty line follows one that goes on');
        }
      }
    },
  },
  {
    name: 'LegacyKeyValueFormat',
    description: 'ENV and LABEL are written as key=value.',
    severity: 'warning',
    check: perInstruction((instruction, report) => {
      if ((instruction.kind !== 'ENV' && instruction.kind !== 'LABEL') || !instruction.legacy) return;
      const [{ key, range }] = instruction.pairs;
      report(instruction, range, 'key and value are separated by a space', `write ${key.raw}=value`);
    }),
  },
  {
    name: 'MaintainerDeprecated',
    description: 'The maintainer is a label.',
    severity: 'warning',
    check: perInstruction((instruction, report) => {
      if (instruction.kind !== 'MAINTAINER') return;
      const hint = `write LABEL maintainer=${JSON.stringify(instruction.name)}`;
      report(instruction, instruction.keyword.range, 'MAINTAINER is deprecated', hint);
    }),
  },
  {
    name: 'WindowsPathEscape',
    description: 'Paths with backslashes stand in a recipe whose escape character is the backtick.',
    severity: 'warning',
    check: (recipe, report) => {
      if (recipe.directives.escape !== '\\') return;
      for (const instruction of allInstructions(recipe)) {
        const path = pathOf(instruction);
        if (path === undefined || !/^["']?[A-Za-z]:\\(?!\\)./.test(path.raw)) continue;
        const hint = 'begin the recipe with # escape=`';
        report(
          instruction,
          path.range,
          'the backslashes of this path are lost: they escape what follows',
          hint,
        );
      }
    },
  },
  {
    name: 'ExposeProtoCasing',
    description: 'Protocols are in lower case.',
    severity: 'warning',
    check: perInstruction((instruction, report) => {
      if (instruction.kind !== 'EXPOSE') return;
      for (const { raw, range } of instruction.ports) {
        if (/\/[a-z]*[A-Z]/.test(raw) && !raw.includes('$')) {
          report(instruction, range, 'protocols are in lower case', `write ${raw.toLowerCase()}`);
        }
      }
    }),
  },
];

/** Whether an empty line lies between two lines of the instruction itself; those of heredocs do not count. */
function hasEmptyContinuation(instruction: Instruction, scanner: Scanner): boolean {
  const { raw, range, heredocs } = instruction;
  const [heredoc] = heredocs;
  const text = heredoc ? raw.slice(0, heredoc.bodyRange.start.offset - range.start.offset) : raw;
  for (let at = text.indexOf(scanner.escape); at !== -1; at = text.indexOf(scanner.escape, at)) {
    const end = scanner.continuationEnd(text, at);
    if (/\n[^\S\n]*\n/.test(text.slice(at, end))) return true;
    at = Math.max(at + 1, end);
  }
  return false;
}

/** A path in the guest that the build reads itself. */
function pathOf(instruction: Instruction): Word | undefined {
  if (instruction.kind === 'WORKDIR') return instruction.path;
  return instruction.kind === 'COPY' || instruction.kind === 'ADD' ? instruction.destination : undefined;
}
