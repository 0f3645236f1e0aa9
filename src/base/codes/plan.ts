import { errorTable } from '../error-entry.ts';

/** The error codes of turning a recipe into steps. */
export const planCodes = errorTable({
  PLAN_NO_STAGE: {
    exit: 3,
    message: 'the recipe has no stage "{stage}"',
    why: '`--target` names a stage that no `FROM ... AS name` line of the recipe declares.',
    todo: 'Name a stage of the recipe, or leave --target out to build the last one.',
  },
  PLAN_LATER_STAGE: {
    exit: 3,
    message: 'stage "{stage}" is not above this one',
    why: 'A stage can copy only from stages that stand above it in the recipe.',
    todo: 'Move the stage that is copied from further up.',
  },
  PLAN_EMPTY_BASE: {
    exit: 3,
    message: 'the base of this stage is empty: "{base}" expands to nothing',
    why: 'FROM names its base with a variable that has no value.',
    todo: 'Give the ARG a default above the first FROM, or pass --build-arg.',
  },
  PLAN_WINDOWS_PATH: {
    exit: 3,
    message: '{path} is not on a drive of the guest',
    why: 'A path that begins with two separators names a share of another machine, or a device.',
    todo: 'Write a path on a drive, such as C:\\app. Without `# escape=`` at the top of the recipe a backslash takes the meaning off the next character.',
  },
  PLAN_WINDOWS_SCRIPT: {
    exit: 3,
    message: 'this script cannot run on Windows: {problem}',
    why: 'cmd reads one line only, and Windows has no programs that read a script as /dev/stdin.',
    todo: 'Set SHELL ["powershell", "-NoProfile", "-Command"] above, or write one RUN a line.',
  },
  PLAN_NEEDS_VALUE: {
    exit: 3,
    message: '{instruction} is empty once its variables are filled in',
    why: 'The instruction names its path, user or signal with a variable that has no value here.',
    todo: 'Declare the variable with ARG or ENV above this line, in this stage.',
  },
});
