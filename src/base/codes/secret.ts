import { errorTable } from '../error-entry.ts';

/** The error codes of secrets. What a secret holds is in none of their messages. */
export const secretCodes = errorTable({
  SECRET_OPTION: {
    exit: 2,
    message: 'a --secret is written wrongly: {problem}',
    why: '`--secret` says under which id a secret is known and where it is read from. What it holds is never part of the command line, which other people on the host can see.',
    todo: 'Write --secret id=guest,src=FILE or --secret id=guest,env=NAME.',
  },
  SECRET_NOT_FOUND: {
    exit: 2,
    message: 'the secret {id} is to come from {path}, which does not exist',
    why: '`--secret id=ID,src=FILE` names a file that is not there; relative paths start at the working folder.',
    todo: 'Mend the path, or make the file.',
  },
  SECRET_UNREADABLE: {
    exit: 2,
    message: 'the secret {id} cannot be read from {path}: {problem}',
    why: '`--secret id=ID,src=FILE` names something that is no file, or one that this user may not read.',
    todo: 'Name a file that the user of the command may read.',
  },
  SECRET_TOO_LARGE: {
    exit: 2,
    message: 'the secret {id} in {path} is larger than {limitBytes} bytes',
    why: 'Secrets are names, passwords and keys; a file this large is something else.',
    todo: 'Name the file that holds the secret.',
  },
  SECRET_NO_VARIABLE: {
    exit: 2,
    message: 'the secret {id} is to come from the variable {variable}, which is not set',
    why: '`--secret id=ID,env=NAME` takes the secret from a variable of the environment.',
    todo: 'Set the variable for the command, or correct its name.',
  },
  SECRET_ENCODING: {
    exit: 2,
    message: 'the secret {id} is not text in UTF-8',
    why: 'Names and passwords with letters beyond ASCII have to reach the guest as they are meant.',
    todo: 'Save the file as UTF-8.',
  },
  SECRET_NO_USER: {
    exit: 2,
    message: 'the secret {secret} names no user',
    why: 'Its first line is the name of the user that commands in the guest run as.',
    todo: 'Write the name of the user on the first line, and the password on the second.',
  },
  SECRET_NO_PASSWORD: {
    exit: 2,
    message: 'the secret {secret} holds a user and nothing that lets it in',
    why: 'After the name of the user comes the password on the second line, or a private key on the following lines.',
    todo: 'Write the password on the second line, or the key below the name.',
  },
  SECRET_KEY_CUT_SHORT: {
    exit: 2,
    message: 'the private key in the secret {secret} has no end',
    why: 'A private key goes from its -----BEGIN line to its -----END line.',
    todo: 'Copy the whole key file below the name of the user.',
  },
  SECRET_TOO_MANY_LINES: {
    exit: 2,
    message: 'the secret {secret} has more than a user and a password',
    why: 'A password is one line; what is on the lines after it would be lost.',
    todo: 'Leave two lines: the name of the user, and the password.',
  },
});
