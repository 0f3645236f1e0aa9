/** The operations of powershell/operations/Guest*.ps1, typed. Each is one call of the session. */
import type { CallOptions } from '../session/call.ts';
import type { PowerShellSession } from '../session/session.ts';
import { Secret } from '../session/values.ts';
import type { ConnectRequest } from './guest.ts';

/** An account of a guest. */
export interface Account {
  readonly userName: string;
  readonly password: string;
}

export interface Connection {
  /** Of the machine. */
  readonly name: string;
  readonly outcome: 'Opened' | 'Off' | 'Unreached' | 'Refused' | 'SettingUp' | 'Silent';
  /** What PowerShell said of it, in the host's language; of an unreached guest its heartbeat. */
  readonly said: string;
}

/** A program of a Windows guest, in Windows' own terms. */
export interface GuestProgram {
  /** A path, or a name that is looked for on the PATH of its environment. */
  readonly program: string;
  /** What follows it on its command line. */
  readonly commandLine: string;
  readonly workFolder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly inputText: string;
}

export type ConnectOptions = Pick<CallOptions, 'signal' | 'onEvent'> &
  Pick<ConnectRequest, 'isOff' | 'isSettingUp' | 'refusedMs' | 'timeoutMs'>;

/** Beyond what a function was told to wait itself: to start a machine, and to open a session, cannot be given up. */
const MARGIN_MS = 60_000;
/** The longest that a timer can: a command may take as long as it likes. */
const NO_LIMIT_MS = 2 ** 31 - 1;

export class GuestCalls {
  readonly #session: PowerShellSession;

  constructor(session: PowerShellSession) {
    this.#session = session;
  }

  /** Waits until a Windows guest is there, takes the account and has set itself up, or it is known why it does not. */
  async connect(
    machineId: string,
    account: Account,
    { timeoutMs, refusedMs, isSettingUp, isOff, ...options }: ConnectOptions,
  ): Promise<Connection> {
    const parameters = {
      ...accountParameters(machineId, account),
      TimeoutSeconds: timeoutMs / 1000,
      RefusedSeconds: refusedMs === undefined ? undefined : refusedMs / 1000,
      IsSettingUp: isSettingUp,
      Start: isOff,
    };
    const callOptions = { ...options, timeoutMs: timeoutMs + MARGIN_MS, isRepeatable: true };
    const [answer] = await this.#session.call('Connect-HyperfileGuest', parameters, callOptions);
    return answer as unknown as Connection;
  }

  /**
   * Runs a program in a Windows guest to its end.
   *
   * @param onRecord hears what Invoke-HyperfileGuestCommand writes, as it comes
   * @throws HyperfileError HYPERV_GUEST_LOST, INTERRUPTED
   */
  async run(
    machineId: string,
    account: Account,
    { program, commandLine, workFolder, environment, inputText }: GuestProgram,
    { onRecord, signal }: { readonly onRecord: (record: string) => void; readonly signal?: AbortSignal },
  ): Promise<void> {
    const parameters = {
      ...accountParameters(machineId, account),
      Program: program,
      Arguments: commandLine,
      WorkFolder: workFolder,
      Environment: Object.entries(environment).map(([name, value]) => `${name}=${value}`),
      InputText: inputText,
    };
    await this.#session.call('Invoke-HyperfileGuestCommand', parameters, {
      ...(signal && { signal }),
      onOutput: (value) => onRecord(value as string),
      timeoutMs: NO_LIMIT_MS,
    });
  }

  /** Closes what is open of a Windows guest. */
  async disconnect(machineId: string, userName: string): Promise<void> {
    await this.#session.call('Disconnect-HyperfileGuest', { Id: machineId, UserName: userName });
  }
}

function accountParameters(
  machineId: string,
  { userName, password }: Account,
): { Id: string; UserName: string; Password: Secret } {
  return { Id: machineId, UserName: userName, Password: new Secret(password) };
}
