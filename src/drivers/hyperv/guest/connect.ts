/** From a machine that has been started to a guest that does what it is told, or a clear account of why not. */
import { HyperfileError } from '../../../base/error.ts';
import type { HyperVHost } from '../host.ts';
import type { SessionEvent } from '../session/records.ts';
import { connectLinux } from './connect-linux.ts';
import { enterWindows } from './enter-windows.ts';
import type { ConnectRequest, Guest } from './guest.ts';
import { accountOf, WindowsAccounts } from './windows-accounts.ts';
import { WindowsGuest } from './windows-guest.ts';

const UNKNOWN_ACCOUNT = 'Windows is setting itself up and does not know the account yet';
/** By what Connect-HyperfileGuest says of it. */
const DIRECT_WAITS: Readonly<Record<string, string>> = {
  Silent: 'the guest does not answer PowerShell Direct yet',
  Refused: 'the guest does not take the account yet',
  SettingUp: 'Windows is setting itself up',
};

/**
 * Waits for a guest. Two calls of the session: one until the guest gives a sign of life, one until it can be entered
 * (for Linux guests: until it has an address).
 *
 * @throws HyperfileError HYPERV_GUEST_OFF, HYPERV_GUEST_NO_HEARTBEAT, HYPERV_GUEST_NO_DIRECT, HYPERV_GUEST_REFUSED,
 *   HYPERV_GUEST_SETTING_UP, HYPERV_GUEST_NO_PASSWORD, INTERRUPTED; for Linux guests also those of connect-linux.ts
 */
export async function connectGuest(host: HyperVHost, request: ConnectRequest): Promise<Guest> {
  const deadline = Date.now() + request.timeoutMs;
  const { name } = await waitForHeartbeat(host, request);
  if (request.system === 'linux') return connectLinux(host, request, { name, deadline });
  return connectWindows(host, request, { name, timeoutMs: Math.max(0, deadline - Date.now()) });
}

async function waitForHeartbeat(host: HyperVHost, request: ConnectRequest): Promise<{ name: string }> {
  const { machineId, timeoutMs } = request;
  const { isReached, name, state, heartbeat } = await host.waitForMachine(machineId, 'Heartbeat', {
    timeoutMs,
    ...waiting(request, (status) => `no heartbeat yet (${status.trim()})`),
  });
  if (isReached) return { name };
  const data = { machine: name, seconds: timeoutMs / 1000, state, heartbeat: heartbeat ?? 'none' };
  throw new HyperfileError(state === 'Off' ? 'HYPERV_GUEST_OFF' : 'HYPERV_GUEST_NO_HEARTBEAT', { data });
}

async function connectWindows(
  host: HyperVHost,
  request: ConnectRequest,
  { name, timeoutMs }: { readonly name: string; readonly timeoutMs: number },
): Promise<Guest> {
  const { machineId, access, isSettingUp, refusedMs } = request;
  await enterWindows(host.guests, {
    machineId,
    machineName: name,
    account: accountOf(access),
    options: {
      timeoutMs,
      ...(isSettingUp && { isSettingUp }),
      ...(refusedMs !== undefined && { refusedMs }),
      ...waiting(request, (status) =>
        status === 'Refused' && isSettingUp ? UNKNOWN_ACCOUNT : DIRECT_WAITS[status],
      ),
    },
    refusal: { code: isSettingUp ? 'HYPERV_GUEST_SETTING_UP' : 'HYPERV_GUEST_REFUSED' },
    wholeTimeoutMs: request.timeoutMs,
  });
  return new WindowsGuest(host.guests, machineId, new WindowsAccounts(host.guests, request, name));
}

/** Tells of waiting what a function's progress says about it. */
function waiting(
  { onWait, signal }: ConnectRequest,
  describe: (status: string) => string,
): { signal?: AbortSignal; onEvent?: (event: SessionEvent) => void } {
  let last: string | undefined;
  return {
    ...(signal && { signal }),
    ...(onWait && {
      onEvent: (event: SessionEvent): void => {
        if (event.kind !== 'progress') return;
        const what = describe(event.status);
        if (what !== last) onWait(what);
        last = what;
      },
    }),
  };
}
