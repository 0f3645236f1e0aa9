/** PowerShell Direct into a Windows guest as one of its accounts: a session that is open, or a clear account of why not. */
import type { ErrorCode } from '../../../base/codes/index.ts';
import { HyperfileError, isHyperfileError, type ErrorData } from '../../../base/error.ts';
import type { Account, ConnectOptions, GuestCalls } from './guest-calls.ts';

const FAILURES = {
  Off: 'HYPERV_GUEST_OFF',
  Refused: 'HYPERV_GUEST_REFUSED',
  SettingUp: 'HYPERV_GUEST_SETTING_UP',
  Silent: 'HYPERV_GUEST_NO_DIRECT',
} as const;

export interface Entry {
  readonly machineId: string;
  readonly machineName: string;
  readonly account: Account;
  readonly options: ConnectOptions;
  /** What a refused account means here, and what else any message is to name. */
  readonly refusal: { readonly code: ErrorCode; readonly data?: ErrorData };
  /** All that the guest has been given since it started; default: what is left of it. */
  readonly wholeTimeoutMs?: number;
}

/**
 * Opens a session. One call.
 *
 * @throws HyperfileError HYPERV_GUEST_OFF, HYPERV_GUEST_SETTING_UP, HYPERV_GUEST_NO_DIRECT, the refusal's, INTERRUPTED
 */
export async function enterWindows(calls: GuestCalls, entry: Entry): Promise<void> {
  const { machineId, machineName, account, options, refusal } = entry;
  const seconds = (entry.wholeTimeoutMs ?? options.timeoutMs) / 1000;
  const data = { machine: machineName, user: account.userName, seconds, ...refusal.data };
  const { outcome, said: message } = await calls
    .connect(machineId, account, options)
    .catch((error: unknown) => {
      // PowerShell itself may wait for a guest that hangs, and be given up only from outside.
      if (!isHyperfileError(error, 'POWERSHELL_TIMEOUT')) throw error;
      return { outcome: 'Silent' as const, said: error.message };
    });
  if (outcome === 'Opened') return;
  const code = outcome === 'Refused' ? refusal.code : FAILURES[outcome];
  throw new HyperfileError(code, { data: { ...data, message, state: 'Off' } });
}
