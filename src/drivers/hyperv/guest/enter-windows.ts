/** PowerShell Direct into a Windows guest as one of its accounts: a session that is open, or a clear account of why not. */
import type { ErrorCode } from '../../../base/codes/index.ts';
import { HyperfileError, isHyperfileError, type ErrorData } from '../../../base/error.ts';
import type { Account, ConnectOptions, Connection, GuestCalls } from './guest-calls.ts';

const FAILURES = {
  Off: 'HYPERV_GUEST_OFF',
  Unreached: 'HYPERV_GUEST_NO_HEARTBEAT',
  Refused: 'HYPERV_GUEST_REFUSED',
  SettingUp: 'HYPERV_GUEST_SETTING_UP',
  Silent: 'HYPERV_GUEST_NO_DIRECT',
} as const;

export interface Entry {
  readonly machineId: string;
  readonly account: Account;
  readonly options: ConnectOptions;
  /** What a refused account is called here; default: that the guest does not take it. */
  readonly refusal?: ErrorCode;
  /** What messages name besides. */
  readonly data?: ErrorData;
}

/**
 * Opens a session. One call.
 *
 * @throws HyperfileError HYPERV_GUEST_OFF, HYPERV_GUEST_NO_HEARTBEAT, HYPERV_GUEST_SETTING_UP, HYPERV_GUEST_NO_DIRECT,
 *   the refusal's, INTERRUPTED
 */
export async function enterWindows(calls: GuestCalls, entry: Entry): Promise<void> {
  const { machineId, account, options, refusal, data } = entry;
  const connection = await calls.connect(machineId, account, options).catch((error: unknown): Connection => {
    // PowerShell itself may wait for a guest that hangs, and be given up only from outside.
    if (!isHyperfileError(error, 'POWERSHELL_TIMEOUT')) throw error;
    return { name: machineId, outcome: 'Silent', said: error.message };
  });
  const { name, outcome, said } = connection;
  if (outcome === 'Opened') return;
  const state = outcome === 'Off' ? 'Off' : 'Running';
  const known = { machine: name, user: account.userName, seconds: options.timeoutMs / 1000, state };
  const heard = outcome === 'Unreached' ? { heartbeat: said || 'none' } : { message: said };
  const code = outcome === 'Refused' && refusal !== undefined ? refusal : FAILURES[outcome];
  throw new HyperfileError(code, { data: { ...known, ...heard, ...data } });
}
