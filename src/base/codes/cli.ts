import { errorTable } from '../error-entry.ts';

/** What the command line itself can get wrong. */
export const cliCodes = errorTable({
  CLI_USAGE: {
    exit: 2,
    message: '{problem}',
    why: 'The arguments do not fit together.',
    todo: "See 'hyperfile help VERB' for what the verb takes.",
  },
  CLI_UNKNOWN_VERB: {
    exit: 2,
    message: 'there is no verb {verb}',
    why: 'The first word of the command line must be one of the verbs.',
    todo: "See 'hyperfile --help' for the verbs.",
  },
  CLI_UNKNOWN_OPTION: {
    exit: 2,
    message: 'there is no option {option}',
    why: 'The verb does not take this option. Options come after the verb.',
    todo: "See 'hyperfile help VERB' for what the verb takes.",
  },
  CLI_MISSING_ARGUMENT: {
    exit: 2,
    message: '{argument} is missing',
    why: 'The verb needs to be told what to work on.',
    todo: "See 'hyperfile help VERB' for what the verb takes.",
  },
  CLI_BAD_VALUE: {
    exit: 2,
    message: '{value} is not a value for {option}, which takes {expected}',
    why: 'The option takes only certain values.',
    todo: "See 'hyperfile help VERB' for what the verb takes.",
  },
  CLI_BAD_SIZE: {
    exit: 2,
    message: '{value} is not a size: {problem}',
    why: 'A size is a number with a unit: 64G, 10GiB, 512M. K, M, G and T count in powers of 1024, as KiB to TiB do; KB to TB count in powers of 1000.',
    todo: 'Write a size like 64G or 512MiB.',
  },
  CLI_BAD_DURATION: {
    exit: 2,
    message: '{value} is not a length of time',
    why: 'A length of time is a whole number and one of s, m, h and d.',
    todo: 'Write it like 90s, 30m, 24h or 7d.',
  },
  CLI_HOST_LACKS: {
    exit: 5,
    message: 'hyperfile cannot work fully here: {problems}',
    why: 'The driver that suits this host needs something that is not there, or the store is damaged.',
    todo: "Do what 'hyperfile doctor' says beside each problem.",
  },
  CLI_NO_TERMINAL: {
    exit: 2,
    message: '--progress=tty needs a terminal, and the error output is none',
    why: 'The live view redraws lines, which only a terminal can show.',
    todo: 'Use --progress=plain, or leave the option out.',
  },
  CLI_OUTPUT_FILE: {
    exit: 1,
    message: 'cannot write {path}: {problem}',
    why: 'The file that the command was asked to write could not be written. The image itself is in the store.',
    todo: 'Check that the folder exists and may be written to.',
  },
  CLI_CACHE_DAMAGED: {
    exit: 4,
    message: 'the cache {cache} holds {count} that cannot be used',
    why: 'Records or layers in the cache are not what they say they are. Builds refuse them and do the work again.',
    todo: 'Remove what the list above names, or the whole cache; the next build that may write to it fills it again.',
  },
  CLI_DISK_DAMAGED: {
    exit: 4,
    message: '{count} found in {path} and the disks below it',
    why: 'The file breaks rules of the format, or a disk that it stands on does. What is wrong is listed above.',
    todo: 'Do what the list above says; keep a copy of the file before you try anything.',
  },
  CLI_INTERNAL: {
    exit: 1,
    message: '{problem}',
    why: 'Something happened that the program does not expect.',
    todo: 'This is a bug in hyperfile: please report it, with the stack that HYPERFILE_DEBUG=1 shows.',
  },
});
