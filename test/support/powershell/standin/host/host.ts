/**
 * The stand-in's Hyper-V: what the Virtual Machine Management service is on Windows. It lives in the test's process, so
 * that its machines and mounts outlive the PowerShell sessions that made them, and tests can look at everything.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Attachments } from './attachments.ts';
import type { Call, Handlers } from './call.ts';
import { checkpointHandlers, Checkpoints } from './checkpoints.ts';
import { adapterHandlers } from './adapters.ts';
import { bootHandlers } from './bcdboot.ts';
import { dismHandlers } from './dism.ts';
import { driveHandlers, Drives } from './drives.ts';
import { serviceHandlers } from './integration-services.ts';
import { settingHandlers } from './settings.ts';
import { invalidValue, notInContract, StandInError } from './errors.ts';
import { noFaults, promptGuest, type Faults, type GuestBehaviour } from './faults.ts';
import { guestHandlers, Guests } from './guests.ts';
import { hostHandlers, type VirtualSwitch } from './host-cmdlets.ts';
import { hasHeartbeat, type Machine } from './machine.ts';
import { machineHandlers } from './machine-cmdlets.ts';
import { Media, mediaHandlers } from './media.ts';
import type { Language } from './messages.ts';
import { Power } from './power.ts';
import { listen, type CallServer } from './server.ts';
import { Storage } from './storage.ts';
import { storageHandlers } from './storage-cmdlets.ts';
import { vhdHandlers } from './vhd.ts';

export interface HostOptions {
  /** What runs the guests' sessions. */
  readonly powershell: string;
  readonly language?: Language;
}

export class Host {
  /** Where its files lie: raw images of open disks, sockets, mount points. */
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'hyperv-'));
  readonly machinesFolder = path.join(this.folder, 'machines');
  readonly socketPath = path.join(this.folder, 'vmms.sock');
  readonly name = 'HOST';
  readonly logicalProcessors = 8;
  readonly versions: readonly string[] = ['9.0', '10.0', '11.0', '12.0', '254.0', '255.0'];
  readonly powershell: string;
  language: Language;
  readonly faults: Faults = noFaults();
  readonly guest: GuestBehaviour = promptGuest();
  readonly machines = new Map<string, Machine>();
  /** A client of Windows has one from the beginning. */
  readonly switches: VirtualSwitch[] = [
    { id: 'c08cb7b8-9b3c-408e-8e30-5e16a3aeb444', name: 'Default Switch', type: 'Internal', notes: '' },
  ];
  readonly attachments = new Attachments(path.join(this.folder, 'disks'), this.faults);
  readonly storage = new Storage(this.faults);
  readonly media = new Media(path.join(this.folder, 'media'));
  readonly drives = new Drives(this);
  readonly power = new Power(this);
  readonly checkpoints = new Checkpoints(this);
  readonly guests: Guests;
  /** Every call so far, by cmdlet, in order. */
  readonly calls: string[] = [];
  /** What went wrong in the stand-in itself, not in what it stands for. */
  readonly ownFaults: unknown[] = [];
  readonly #handlers: Handlers;
  #server: CallServer | undefined;

  constructor(options: HostOptions) {
    this.powershell = options.powershell;
    this.guests = new Guests(this);
    this.language = options.language ?? 'en';
    mkdirSync(this.machinesFolder, { recursive: true });
    this.#handlers = {
      ...vhdHandlers(this),
      ...machineHandlers(this),
      ...checkpointHandlers(this),
      ...driveHandlers(this),
      ...adapterHandlers(this),
      ...settingHandlers(this),
      ...serviceHandlers(this),
      ...hostHandlers(this),
      ...storageHandlers(this),
      ...guestHandlers(this),
      ...mediaHandlers(this.media),
      ...dismHandlers(this.storage),
      ...bootHandlers(this.storage),
    };
  }

  /** The cmdlets that it knows how to answer. */
  get known(): readonly string[] {
    return Object.keys(this.#handlers);
  }

  async start(): Promise<void> {
    this.#server = await listen({
      socketPath: this.socketPath,
      language: () => this.language,
      answer: (call) => this.#answer(call),
      onFault: (error) => this.onFault(error),
    });
  }

  /** Lets everything go, whoever forgot it. */
  async stop(): Promise<void> {
    this.#server?.close();
    await this.guests.endSessions();
    for (const machine of this.machines.values())
      if (machine.running) await this.#letGo(this.power.turnOff(machine));
    for (const disk of [...this.attachments.disks]) await this.#letGo(this.attachments.detach(disk));
    this.media.dismountAll();
    rmSync(this.folder, { recursive: true });
  }

  async #letGo(work: Promise<void>): Promise<void> {
    await work.catch((error: unknown) => this.onFault(error));
  }

  /** What is still there that a command should have removed. */
  leftovers(): { machines: string[]; disks: string[]; sessions: number } {
    return {
      machines: [...this.machines.values()].map(({ name }) => name),
      disks: [...[...this.attachments.disks].map((disk) => disk.path), ...this.media.paths],
      sessions: this.guests.count(),
    };
  }

  /** When all calls so far are done, also those whose callers were killed meanwhile. */
  async settled(): Promise<void> {
    await this.#server?.settled();
  }

  /** As after a power failure: machines are off, mounts are gone. Whoever had called must have gone before. */
  async restart(): Promise<void> {
    await this.settled();
    for (const machine of this.machines.values()) if (machine.running) await this.power.turnOff(machine);
    for (const disk of [...this.attachments.disks]) {
      this.storage.remove(disk);
      await this.attachments.detach(disk);
    }
    this.media.dismountAll();
  }

  onFault(error: unknown): void {
    this.ownFaults.push(error);
  }

  async #answer(call: Call): Promise<void> {
    this.calls.push(call.cmdlet);
    if (this.faults.latencyMs > 0) await sleep(this.faults.latencyMs);
    await this.#held(call.cmdlet);
    if (this.faults.accessDenied) throw new StandInError('accessDenied', 'accessDenied', []);
    const failure = this.faults.failNext.get(call.cmdlet);
    if (failure !== undefined) {
      this.faults.failNext.delete(call.cmdlet);
      throw new StandInError(failure, 'invalidState', [call.cmdlet]);
    }
    const handler = this.#handlers[call.cmdlet];
    if (handler === undefined) throw notInContract(call.cmdlet);
    await handler(call);
    call.checkAllRead();
  }

  async #held(cmdlet: string): Promise<void> {
    const { holdNext } = this.faults;
    const go = holdNext.get(cmdlet);
    holdNext.delete(cmdlet);
    await go;
  }

  /** @throws StandInError */
  machineById(id: string): Machine {
    const machine = this.machines.get(id.toLowerCase());
    if (machine === undefined) throw new StandInError('objectNotFound', 'notFound', [id], id);
    return machine;
  }

  /** Names may repeat, and may be patterns: only a name without `*` and `?` must name something. */
  machinesByName(name: string): Machine[] {
    const isPattern = /[*?]/.test(name);
    const literal = name.replace(/[.+^${}()|[\]\\]/g, '\\$&');
    const pattern = new RegExp(`^${literal.replaceAll('*', '.*').replaceAll('?', '.')}$`, 'i');
    const found = [...this.machines.values()].filter((machine) => pattern.test(machine.name));
    if (found.length === 0 && !isPattern)
      throw new StandInError('invalidParameter', 'noMachine', [name], name);
    return found;
  }

  switchByName(name: string): VirtualSwitch {
    const found = this.switches.find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (found === undefined) throw new StandInError('invalidParameter', 'notFound', [name], name);
    return found;
  }

  refuseBadName(name: string): void {
    if (name === '' || name.length > 100) throw invalidValue(`name '${name}'`);
  }

  assignedMemory(): number {
    return [...this.machines.values()]
      .filter(({ running }) => running)
      .reduce((sum, { memoryStartupBytes }) => sum + memoryStartupBytes, 0);
  }

  guestAnswers(machine: Machine): boolean {
    return hasHeartbeat(machine, this.guest);
  }
}
