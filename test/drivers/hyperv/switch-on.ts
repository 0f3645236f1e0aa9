/** A machine that is switched on, and not waited for. */
import type { HyperVHost } from '../../../src/drivers/hyperv/host.ts';

export async function switchOn(host: HyperVHost, machineId: string): Promise<void> {
  await host.waitForMachine(machineId, 'Heartbeat', { timeoutMs: 0, isOff: true });
}
