import { errorTable } from '../error-entry.ts';

/** The error codes of `language`. */
export const languageCodes = errorTable({
  LANG_ERRORS: {
    exit: 3,
    message: '{file} has {count} errors',
    why: 'The recipe was read to its end, and more than one thing in it is wrong.',
    todo: 'Mend each place that is listed; they do not depend on each other.',
  },
  LANG_EMPTY: {
    exit: 3,
    message: 'the recipe holds no FROM',
    why: 'A recipe describes at least one stage, and a stage begins with FROM.',
    todo: 'Begin with FROM and what to build on, for example `FROM debootstrap://bookworm`.',
  },
  LANG_UNKNOWN_INSTRUCTION: {
    exit: 3,
    message: 'unknown instruction {instruction}',
    why: 'Every line begins with one of the instructions, unless the line before it ends in the escape character.',
    todo: 'Check the spelling; a command of the guest goes after RUN, and a long line goes on with `\\` at its end.',
  },
  LANG_BEFORE_FROM: {
    exit: 3,
    message: '{instruction} comes before the first FROM',
    why: 'Instructions change the disk that FROM begins with; only ARG may stand before it.',
    todo: 'Move FROM to the top of the recipe.',
  },
  LANG_UNKNOWN_FLAG: {
    exit: 3,
    message: '{instruction} has no flag --{flag}',
    why: 'Words that begin with two dashes right after the instruction are its flags.',
    todo: 'Remove the flag, or put `--` before arguments that begin with two dashes.',
  },
  LANG_DUPLICATE_FLAG: {
    exit: 3,
    message: '--{flag} is given twice',
    why: 'The flag holds one value, so the second one would silently replace the first.',
    todo: 'Keep one of the two.',
  },
  LANG_FLAG_VALUE: {
    exit: 3,
    message: '--{flag} cannot be {value}: it takes {expected}',
    why: 'The flag has no value, or not one of those it takes.',
    todo: 'Write the flag as `--name=value`, without spaces around `=`.',
  },
  LANG_UNSUPPORTED: {
    exit: 3,
    message: '{what} is not supported yet',
    why: 'The Dockerfile language has it, but this version of Hyperfile cannot do what it asks for.',
    todo: 'Write the recipe without it.',
  },
  LANG_ARGUMENTS: {
    exit: 3,
    message: '{instruction} takes {expected}',
    why: 'The instruction has too few arguments, too many, or not of the right form.',
    todo: 'See docs/language.md for the form of each instruction.',
  },
  LANG_HEREDOC_END: {
    exit: 3,
    message: 'the heredoc <<{name} has no end',
    why: 'No line after the instruction consists of that word alone, without spaces before or after it.',
    todo: 'End the heredoc with its word on a line of its own; `<<-` allows tabs before it.',
  },
  LANG_HEREDOC_PLACE: {
    exit: 3,
    message: 'the destination of {instruction} cannot be a heredoc',
    why: 'A heredoc is a file to copy; the last argument says where to.',
    todo: 'Add the path of the file in the guest after the heredoc.',
  },
  LANG_HEREDOC_NAME: {
    exit: 3,
    message: '{name} cannot be the name of a file',
    why: 'A heredoc of COPY or ADD becomes a file that is called like the word after `<<`.',
    todo: 'Choose a plain name after `<<`; the folder belongs in the destination.',
  },
  LANG_JSON: {
    exit: 3,
    message: '{instruction} takes a JSON array of strings',
    why: 'The array holds something that is not a string, or the instruction has no other form.',
    todo: 'Put every element in double quotes, for example `["/bin/sh", "-c"]`.',
  },
  LANG_STAGE_NAME: {
    exit: 3,
    message: '{name} cannot be the name of a stage',
    why: 'Names begin with a letter and hold letters, digits, `-`, `_` and `.`.',
    todo: 'Choose another name after AS.',
  },
  LANG_DUPLICATE_STAGE: {
    exit: 3,
    message: 'the stage {name} exists already, in line {line}',
    why: 'Two stages of one name could not be told apart by FROM, COPY --from and --target.',
    todo: 'Rename one of the two.',
  },
  LANG_DIRECTIVE: {
    exit: 3,
    message: 'the directive {name} {problem}',
    why: 'Comments of the form `# name=value` at the very top of a recipe change how it is read.',
    todo: 'Write each directive once; `escape` is either `\\` or a backtick.',
  },
  LANG_DURATION: {
    exit: 3,
    message: '{value} is not a duration',
    why: 'Durations are numbers with units (h, m, s, ms, us, ns), at least 1ms long; 0 means the default.',
    todo: 'Write for example `30s` or `1m30s`.',
  },
  LANG_PORT: {
    exit: 3,
    message: '{value} is not a port',
    why: 'EXPOSE takes ports or ranges of them from 1 to 65535, with a protocol: tcp, udp or sctp.',
    todo: 'Write for example `80`, `53/udp` or `8000-8010/tcp`.',
  },
  LANG_BASE: {
    exit: 3,
    message: '{value} is not something to build on: {problem}',
    why: 'FROM takes a stage, an image, a disk file that begins with `/`, `./` or `../`, `scratch` or a debootstrap:// base.',
    todo: 'See the chapter on FROM in docs/language.md.',
  },
  LANG_QUOTE: {
    exit: 3,
    message: 'the quote {quote} is never closed',
    why: 'A quote opens in this word, and the line ends before it closes.',
    todo: 'Close it, or put the escape character before a quote that means itself.',
  },
  LANG_SUBSTITUTION: {
    exit: 3,
    message: '{text} is not a variable: {problem}',
    why: 'After `${` comes a name, then `}` or one of the forms that docs/language.md lists.',
    todo: 'Mend it, or put the escape character before a `$` that means itself.',
  },
  LANG_VARIABLE_REQUIRED: {
    exit: 3,
    message: '{name}: {message}',
    why: 'The recipe asks for this variable with `${name?}` or `${name:?}`, and it has no value.',
    todo: 'Give it with --build-arg, or with ARG or ENV before this line.',
  },
  LANG_CHECK: {
    exit: 3,
    message: '{problem}',
    why: 'One of the checks found something that works, but is rarely meant.',
    todo: 'Mend it, or switch the check off with `# check=skip=NAME` above the line or at the top.',
  },
});
