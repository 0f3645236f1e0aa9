import { errorTable } from '../error-entry.ts';

/** The error codes of the PowerShell session through which the Hyper-V driver speaks. */
export const powershellCodes = errorTable({
  POWERSHELL_MISSING: {
    exit: 5,
    message: '{executable} could not be started: {reason}',
    why: 'Hyper-V is driven through PowerShell, which is part of Windows.',
    todo: 'Check the path; NODE_POWERSHELL names another PowerShell (5.1, or 7 and later).',
  },
  POWERSHELL_NOT_READY: {
    exit: 5,
    message: "PowerShell did not load Hyperfile's module: {reason}",
    why: 'A session starts by loading the PowerShell module that is installed beside Hyperfile. A policy of the computer can forbid scripts that are not signed, or limit the language (AppLocker, App Control).',
    todo: 'Read the reason above. `Get-ExecutionPolicy -List` shows which policies are in force, `$ExecutionContext.SessionState.LanguageMode` must say FullLanguage.',
  },
  POWERSHELL_LOST: {
    exit: 1,
    message: 'PowerShell ended {how} while {function} ran{output}',
    why: 'The process that the host is driven through was ended from outside, or crashed. Whether the function had any effect is not known.',
    todo: 'Run the command again: what was left behind is removed first, and finished steps come from the cache.',
  },
  POWERSHELL_TIMEOUT: {
    exit: 1,
    message: '{function} did not end within {seconds} s',
    why: 'The host took too long, or hangs. PowerShell and what it had started were ended.',
    todo: 'Look at the host in Hyper-V Manager, then run the command again.',
  },
  POWERSHELL_UNANSWERED: {
    exit: 1,
    message: 'PowerShell gave no answer to {function}{output}',
    why: 'The answer was damaged on its way: another program printed into it, or the module was changed.',
    todo: 'Run the command again, and report it when it comes back.',
  },
  POWERSHELL_CLOSED: {
    exit: 1,
    message: '{function} was not run: the PowerShell session is closed',
    why: 'The command is ending, and closed the session that the call was waiting for.',
    todo: 'Run the command again.',
  },
  POWERSHELL_FAILED: {
    exit: 1,
    message: '{function} failed: {message} [{id}]',
    why: 'A cmdlet of the host reported an error that has no code of its own here. The identifier in brackets is the same in every language.',
    todo: 'Look the identifier up, or report it.',
  },
});
