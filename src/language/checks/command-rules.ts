/** Checks of what a machine runs. */
import type { Instruction, StageInstruction } from '../ast.ts';
import { perInstruction, perStage, type Rule } from './rule.ts';

const ONCE = ['CMD', 'ENTRYPOINT', 'HEALTHCHECK'] as const;
/** A list in brackets, with quotes of either kind or commas; `[ -f x ]` is a test of the shell. */
const LOOKS_LIKE_JSON = /^\[(?:["']|\s+["'][^"']*["']\s*,)/;

export const commandRules: readonly Rule[] = [
  {
    name: 'JSONArgsRecommended',
    description: 'CMD and ENTRYPOINT are JSON arrays, so that signals reach the program.',
    severity: 'warning',
    check: perStage((stage, report) => {
      if (stage.instructions.some(({ kind }) => kind === 'SHELL')) return;
      for (const instruction of stage.instructions) {
        if (instruction.kind !== 'CMD' && instruction.kind !== 'ENTRYPOINT') continue;
        const { command } = instruction;
        if (command.form !== 'shell' || LOOKS_LIKE_JSON.test(command.line)) continue;
        const message = `${instruction.kind} runs in a shell, which does not pass signals on`;
        report(instruction, command.range, message, 'write it as a JSON array');
      }
    }),
  },
  {
    name: 'InvalidJsonForm',
    description: 'What looks like a JSON array is one.',
    severity: 'warning',
    check: perInstruction((instruction, report) => {
      const command = commandOf(instruction);
      if (command?.form !== 'shell' || !LOOKS_LIKE_JSON.test(command.line)) return;
      const message = 'this is not valid JSON, so the shell gets it as it is';
      report(
        instruction,
        command.range,
        message,
        'put every string in double quotes and commas between them',
      );
    }),
  },
  {
    name: 'MultipleInstructionsDisallowed',
    description: 'CMD, ENTRYPOINT and HEALTHCHECK stand once in a stage; only the last counts.',
    severity: 'warning',
    check: perStage((stage, report) => {
      for (const kind of ONCE) {
        const same = stage.instructions.filter((instruction) => instruction.kind === kind);
        const last = same.pop();
        for (const instruction of same) {
          const line = last?.range.start.line ?? 0;
          report(instruction, instruction.keyword.range, `the ${kind} in line ${line} replaces this one`);
        }
      }
    }),
  },
  {
    name: 'WorkdirRelativePath',
    description: 'The first WORKDIR of a stage is absolute.',
    severity: 'warning',
    check: (recipe, report) => {
      const stages = new Set<string>();
      for (const { name, from, instructions } of recipe.stages) {
        const first = instructions.find((instruction) => instruction.kind === 'WORKDIR');
        const isOnStage = stages.has(from.base.raw.toLowerCase());
        if (name !== undefined) stages.add(name);
        if (!first || isOnStage || /^["']?(?:[/\\$`]|[A-Za-z]:)/.test(first.path.raw)) continue;
        report(
          first,
          first.path.range,
          'what this path is relative to depends on the base',
          `write /${first.path.raw}`,
        );
      }
    },
  },
];

function commandOf(instruction: Instruction) {
  const withCommand = instruction as Extract<StageInstruction, { command?: unknown }>;
  return 'command' in instruction ? withCommand.command : undefined;
}
