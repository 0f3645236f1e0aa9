/** From a machine to a guest that does what it is told, or a clear account of why not. */
import type { HyperVHost } from '../host.ts';
import { connectLinux } from './connect-linux.ts';
import { enterWindows } from './enter-windows.ts';
import type { ConnectRequest, Guest } from './guest.ts';
import { noHeartbeat, waiting } from './waiting.ts';
import { accountOf, WindowsAccounts } from './windows-accounts.ts';
import { WindowsGuest } from './windows-guest.ts';

const UNKNOWN_ACCOUNT = 'Windows is setting itself up and does not know the account yet';
/** By what Connect-HyperfileGuest says of it. */
const DIRECT_WAITS: Readonly<Partial<Record<string, string>>> = {
  Silent: 'the guest does not answer PowerShell Direct yet',
  Refused: 'the guest does not take the account yet',
  SettingUp: 'Windows is setting itself up',
};

/**
 * Waits for a guest: one call of the session.
 *
 * @throws HyperfileError HYPERV_GUEST_OFF, HYPERV_GUEST_NO_HEARTBEAT, HYPERV_GUEST_NO_DIRECT, HYPERV_GUEST_REFUSED,
 *   HYPERV_GUEST_SETTING_UP, HYPERV_GUEST_NO_PASSWORD, INTERRUPTED; for Linux guests also those of connect-linux.ts
 */
export function connectGuest(host: HyperVHost, request: ConnectRequest): Promise<Guest> {
  return request.system === 'linux' ? connectLinux(host, request) : connectWindows(host, request);
}

async function connectWindows(host: HyperVHost, request: ConnectRequest): Promise<Guest> {
  const { machineId, access, timeoutMs, isOff, isSettingUp, refusedMs } = request;
  await enterWindows(host.guests, {
    machineId,
    account: accountOf(access),
    options: {
      timeoutMs,
      ...(isOff && { isOff }),
      ...(isSettingUp && { isSettingUp }),
      ...(refusedMs !== undefined && { refusedMs }),
      ...waiting(request, (status) => {
        if (status === 'Refused' && isSettingUp) return UNKNOWN_ACCOUNT;
        return DIRECT_WAITS[status] ?? noHeartbeat(status);
      }),
    },
    ...(isSettingUp && { refusal: 'HYPERV_GUEST_SETTING_UP' }),
  });
  return new WindowsGuest(host.guests, machineId, new WindowsAccounts(host.guests, request));
}
