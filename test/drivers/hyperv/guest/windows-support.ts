/** A Windows guest that runs on the stand-in's host, for tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, vi } from 'vitest';
import { connectGuest } from '../../../../src/drivers/hyperv/guest/connect.ts';
import type { ConnectRequest, Guest } from '../../../../src/drivers/hyperv/guest/guest.ts';
import { HyperVHost } from '../../../../src/drivers/hyperv/host.ts';
import { PowerShellSession } from '../../../../src/drivers/hyperv/session/session.ts';
import type { GuestCommand } from '../../../../src/drivers/driver.ts';
import { promptGuest } from '../../../support/powershell/standin/host/faults.ts';
import { startStandIn, type StandIn } from '../../../support/powershell/standin/standin.ts';
import { makeWindowsDisk } from '../../../support/powershell/standin/windows-disk.ts';
import { switchOn } from '../switch-on.ts';

const MIB = 1024 ** 2;

export interface Bench {
  readonly standIn: StandIn;
  readonly session: PowerShellSession;
  readonly host: HyperVHost;
  readonly machineId: string;
  /** Where the guest's drive C: lies on this system. */
  readonly drive: () => string;
  readonly connect: (request?: Partial<ConnectRequest>) => Promise<Guest>;
  /** So many sessions of PowerShell Direct are open; the host hears of the end of one a moment after PowerShell. */
  readonly expectSessions: (count: number) => Promise<void>;
  /** Prompt, and on: tells whether it had to be switched on. Whoever was connected before still is, else. */
  readonly reset: () => Promise<boolean>;
  /** Off and on. */
  readonly restart: () => Promise<void>;
  /** A call that is cancelled takes its PowerShell with it. */
  readonly losePowerShell: () => Promise<void>;
  readonly close: () => Promise<void>;
}

/** @param system Windows on NTFS, or Linux on ext4 */
export async function startBench(system: { readonly fileSystem?: 'ext4' } = {}): Promise<Bench> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'hyperv-guest-'));
  const diskPath = path.join(folder, 'disk.vhdx');
  await makeWindowsDisk(diskPath, system);
  const standIn = await startStandIn();
  const session = new PowerShellSession({ executable: standIn.executable, env: standIn.environment });
  const host = new HyperVHost(session, 'guests');
  const machine = {
    folder: path.join(folder, 'm'),
    diskPath,
    memoryBytes: 512 * MIB,
    processorCount: 1,
    switchId: standIn.host.switches[0].id,
  };
  const { id: machineId } = await host.newMachine(machine);
  await switchOn(host, machineId);
  const access = { userName: 'Administrator', password: 'Passw0rd!' };
  return {
    standIn,
    session,
    host,
    machineId,
    drive: () => standIn.host.machineById(machineId).running!.root!,
    connect: (request) =>
      connectGuest(host, { machineId, system: 'windows', access, timeoutMs: 60_000, ...request }),
    expectSessions: (count) =>
      vi.waitFor(() => expect(standIn.host.guests.count()).toBe(count), { timeout: 60_000, interval: 10 }),
    reset: async () => {
      Object.assign(standIn.host.guest, promptGuest());
      const isOff = standIn.host.machineById(machineId).state === 'Off';
      if (isOff) await switchOn(host, machineId);
      return isOff;
    },
    restart: async () => {
      await host.stopMachine(machineId, 0);
      await switchOn(host, machineId);
    },
    losePowerShell: async () => {
      const cancel = new AbortController();
      const waiting = host.waitForMachine(machineId, 'Off', {
        timeoutMs: 60_000,
        signal: cancel.signal,
        onEvent: () => cancel.abort(),
      });
      await expect(waiting).rejects.toMatchObject({ code: 'INTERRUPTED' });
    },
    close: async () => {
      await session.close();
      await standIn.stop();
      rmSync(folder, { recursive: true });
    },
  };
}

export function command(argv: readonly string[], more: Partial<GuestCommand> = {}): GuestCommand {
  return { argv, env: {}, workdir: 'C:\\', user: '', network: 'host', ...more };
}

/** A command in the shell form of a recipe. */
export function cmd(script: string, more: Partial<GuestCommand> = {}): GuestCommand {
  return command(['cmd', '/S', '/C', script], more);
}
