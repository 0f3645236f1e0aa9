/** Switching machines on and off: their disks are opened and their system volume is mounted while they run. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { AttachedDisk } from './attachments.ts';
import { StandInError } from './errors.ts';
import { beginFirstStart } from './first-start.ts';
import type { Host } from './host.ts';
import { hasHeartbeat, SERVICES, type Drive, type Machine, type Running } from './machine.ts';
import { requireState } from './machine-cmdlets.ts';
import { canMount, removeMountFolder } from './mounts.ts';

const POLL_MS = 20;

export class Power {
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  /** @throws StandInError as Start-VM fails; nothing is open then */
  async start(machine: Machine): Promise<void> {
    if (machine.state === 'Saved') machine.state = 'Off';
    requireState(machine, 'Off');
    const { faults } = this.#host;
    if (machine.memoryStartupBytes > faults.freeMemoryBytes - this.#host.assignedMemory())
      throw new StandInError('outOfMemory', 'outOfMemory', [machine.name]);
    for (const { path: disk } of machine.drives)
      if (faults.unreadableForMachines.has(disk))
        throw new StandInError('accessDenied', 'startFailed', [machine.name, `${disk} (0x80070005)`]);
    const disks = new Map<Drive, AttachedDisk>();
    try {
      for (const drive of machine.drives) {
        const options = { readOnly: false, holder: machine.id, kind: 'unspecified' } as const;
        disks.set(drive, this.#host.attachments.attach(drive.path, options));
      }
      // Reserved before anything takes time, so that a second start is refused.
      machine.state = 'Starting';
      await faults.machinesStart;
      const root = await this.#mountSystem(machine, disks);
      machine.running = { startedAt: Date.now(), disks, root };
      if (root !== undefined) this.#beginFirstStart(machine.running, root, machine);
      if (root !== undefined) await this.#startLinux(machine.running, root);
      machine.state = 'Running';
    } catch (error) {
      machine.state = 'Off';
      for (const disk of disks.values()) await this.#host.attachments.detach(disk);
      throw error;
    }
  }

  #beginFirstStart(running: Running, root: string, machine: Machine): void {
    running.firstStart = beginFirstStart({
      root,
      guest: this.#host.guest,
      restart: async () => {
        running.startedAt = Date.now();
        await this.#host.guests.endSessions(machine.id);
      },
      finish: () => (running.firstStart = undefined),
      onFault: (error) => this.#host.onFault(error),
    });
  }

  async #startLinux(running: Running, root: string): Promise<void> {
    if (existsSync(path.join(root, 'Windows/System32'))) return;
    const linux = await this.#host.guest.startLinux?.(root);
    if (linux !== undefined) running.linux = linux;
  }

  /** A machine without a system runs all the same: it shows a boot screen and never answers. */
  async #mountSystem(machine: Machine, disks: ReadonlyMap<Drive, AttachedDisk>): Promise<string | undefined> {
    const [disk] = disks.values();
    const system = disk?.systemPartition();
    if (disk === undefined || !canMount(system?.fileSystem)) return undefined;
    const root = path.join(this.#host.folder, 'guests', machine.id);
    await disk.mount(system, root);
    return root;
  }

  /** As if the plug were pulled. */
  async turnOff(machine: Machine): Promise<void> {
    requireState(machine, 'Running', 'Paused', 'Stopping');
    await this.#end(machine);
    machine.state = 'Off';
  }

  /** The guest shuts down by itself, which the host sees when it is over. @returns whether it has come to that */
  async endFromInside(machine: Machine): Promise<boolean> {
    const { running } = machine;
    const askedAt = Date.now();
    while (machine.running === running && Date.now() < askedAt + this.#host.guest.shutdownTakesMs)
      await sleep(POLL_MS);
    if (running === undefined || machine.running !== running) return false;
    await this.#end(machine);
    machine.state = 'Off';
    return true;
  }

  async save(machine: Machine): Promise<void> {
    requireState(machine, 'Running', 'Paused');
    await this.#end(machine);
    machine.state = 'Saved';
  }

  /** Asks the guest, which must be there to be asked, and waits until it is off. */
  async shutDown(machine: Machine, signal: AbortSignal): Promise<void> {
    requireState(machine, 'Running');
    const { guest } = this.#host;
    if (!hasHeartbeat(machine, guest) || machine.disabledServices.has(SERVICES.shutdown.id))
      throw new StandInError('operationFailed', 'shutdownFailed', [machine.name]);
    machine.state = 'Stopping';
    const offAt = Date.now() + Math.min(guest.shutdownTakesMs, guest.powerLostAfterMs);
    while (Date.now() < offAt && !signal.aborted && machine.state === 'Stopping') await sleep(POLL_MS);
    // Somebody else may have turned it off meanwhile.
    if (machine.running === undefined) return;
    if (signal.aborted && Date.now() < offAt) return;
    await this.#end(machine);
    machine.state = 'Off';
  }

  async waitForHeartbeat(
    machine: Machine,
    { timeoutMs, delayMs, signal }: { timeoutMs: number; delayMs: number; signal: AbortSignal },
  ): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!hasHeartbeat(machine, this.#host.guest) && Date.now() < deadline && !signal.aborted)
      await sleep(Math.min(delayMs, POLL_MS));
  }

  async #end(machine: Machine): Promise<void> {
    const { running } = machine;
    machine.running = undefined;
    running?.firstStart?.over.abort();
    await this.#host.guests.endSessions(machine.id);
    await running?.linux?.stop();
    for (const disk of running?.disks.values() ?? []) await this.#host.attachments.detach(disk);
    if (running?.root !== undefined) removeMountFolder(running.root);
  }
}
