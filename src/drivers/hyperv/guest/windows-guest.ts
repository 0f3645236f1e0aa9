/** A Windows guest over PowerShell Direct: no network, no service to install, only an account. */
import { HyperfileError } from '../../../base/error.ts';
import type { CommandIo, CommandResult, GuestCommand } from '../../driver.ts';
import type { Guest } from './guest.ts';
import type { GuestCalls } from './guest-calls.ts';
import type { WindowsAccounts } from './windows-accounts.ts';
import { windowsProgram } from './windows-command.ts';

/** winerror.h: no such file, no such folder. */
const NOT_FOUND = [2, 3];

/** What Invoke-HyperfileGuestCommand's records begin with. */
const MARKS = { exitCode: '0', stdout: '1', stderr: '2', notStarted: '3' } as const;

export class WindowsGuest implements Guest {
  readonly #calls: GuestCalls;
  readonly #machineId: string;
  readonly #accounts: WindowsAccounts;

  constructor(calls: GuestCalls, machineId: string, accounts: WindowsAccounts) {
    [this.#calls, this.#machineId, this.#accounts] = [calls, machineId, accounts];
  }

  async run(command: GuestCommand, io: CommandIo): Promise<CommandResult> {
    const account = await this.#accounts.enter(command.user, io.signal);
    const program = windowsProgram(command);
    let status: number | undefined;
    let told: Promise<void> = Promise.resolve();
    const tell = (stream: 'stdout' | 'stderr', text: string): void => {
      told = told.then(() => io.onOutput(stream, Buffer.from(text)));
      // Whoever listens may fail; that is told when the command has ended.
      told.catch(() => undefined);
    };
    const onRecord = (record: string): void => {
      const [mark, text] = [record.slice(0, 1), record.slice(1)];
      if (mark === MARKS.stdout) tell('stdout', text);
      else if (mark === MARKS.stderr) tell('stderr', text);
      else if (mark === MARKS.exitCode) status = exitStatus(Number(text));
      else {
        const [number = '', ...reason] = text.split(' ');
        tell('stderr', `${program.program}: ${reason.join(' ')}\r\n`);
        status = NOT_FOUND.includes(Number(number)) ? 127 : 126;
      }
    };
    const { signal } = io;
    await this.#calls.run(this.#machineId, account, program, { onRecord, ...(signal && { signal }) });
    await told;
    if (status === undefined)
      throw new HyperfileError('HYPERV_GUEST_LOST', { data: { message: 'no exit code' } });
    return { status };
  }

  async close(): Promise<void> {
    await this.#accounts.close();
  }
}

/** .NET takes them for signed; Windows does not: 0xC0000005 is 3221225477. */
function exitStatus(code: number): number {
  return code >>> 0;
}
