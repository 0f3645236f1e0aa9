/** A virtual machine and how Hyper-V's objects describe it. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import type { AttachedDisk } from './attachments.ts';
import type { TypedObject } from './call.ts';
import type { GuestBehaviour, RunningLinux } from './faults.ts';
import type { FirstStart } from './first-start.ts';

export type MachineState = 'Off' | 'Starting' | 'Running' | 'Paused' | 'Saved' | 'Stopping';

export interface Drive {
  readonly id: string;
  path: string;
  controllerType: 'IDE' | 'SCSI';
  controllerNumber: number;
  controllerLocation: number;
}

export interface Adapter {
  readonly id: string;
  name: string;
  switchName: string | undefined;
}

export interface Snapshot {
  readonly id: string;
  readonly name: string;
  /** What the machine's disks were frozen as, by drive. */
  readonly drives: readonly Drive[];
  readonly parentId: string | undefined;
}

/** What a running machine has that one that is off has not. */
export interface Running {
  startedAt: number;
  readonly disks: Map<Drive, AttachedDisk>;
  /** Where the system's volume is mounted; undefined when it has none that can be. */
  readonly root: string | undefined;
  linux?: RunningLinux;
  /** Undefined once it has set itself up. */
  firstStart?: FirstStart | undefined;
}

export interface Machine {
  readonly id: string;
  name: string;
  readonly generation: 1 | 2;
  readonly path: string;
  readonly version: string;
  notes: string;
  state: MachineState;
  running: Running | undefined;
  memoryStartupBytes: number;
  memoryMinimumBytes: number;
  memoryMaximumBytes: number;
  dynamicMemory: boolean;
  processors: number;
  nested: boolean;
  drives: Drive[];
  dvds: Drive[];
  adapters: Adapter[];
  snapshots: Snapshot[];
  secureBoot: 'Off' | 'On';
  secureBootTemplate: string;
  /** Ids of drives and adapters, first first. */
  bootOrder: string[];
  hasKeyProtector: boolean;
  tpm: boolean;
  startAction: string;
  stopAction: string;
  checkpointType: 'Disabled' | 'Production' | 'ProductionOnly' | 'Standard';
  automaticCheckpoints: boolean;
  /** Ids of integration services that are switched off. */
  readonly disabledServices: Set<string>;
  readonly createdAt: number;
}

/** The services' GUIDs; their names are in the host's language. */
export const SERVICES = {
  guestServices: {
    id: '6C09BB55-D683-4DA0-8931-C9BF705F6480',
    names: ['Guest Service Interface', 'Gastdienstschnittstelle', 'ゲスト サービス インターフェイス'],
  },
  heartbeat: { id: '84EAAE65-2F2E-45F5-9BB5-0E857DC8EB47', names: ['Heartbeat', 'Takt', 'ハートビート'] },
  dataExchange: {
    id: '2A34B1C2-FD73-4043-8A5B-DD2159BC743F',
    names: ['Key-Value Pair Exchange', 'Austausch von Schlüsselwertepaaren', 'キー値ペア交換'],
  },
  shutdown: {
    id: '9F8233AC-BE49-4C79-8EE3-E7E1985B2077',
    names: ['Shutdown', 'Herunterfahren', 'シャットダウン'],
  },
  timeSync: {
    id: '2497F4DE-E9FA-4204-80E4-4B75C46419C0',
    names: ['Time Synchronization', 'Zeitsynchronisierung', '時刻の同期'],
  },
  backup: { id: '5CED1297-4598-4915-A5FC-AD21BB4D02A4', names: ['VSS', 'VSS', 'VSS'] },
} as const;

export const SECURE_BOOT_TEMPLATES: Readonly<Record<string, string>> = {
  MicrosoftWindows: '1734C6E8-3154-4DDA-BA5F-A874CC483422',
  MicrosoftUEFICertificateAuthority: '272E7447-90A4-4563-A4B9-8E4AB00526CE',
  OpenSourceShieldedVM: '4292AE2B-EE2C-42B5-A969-DD8F8689F6F3',
};

export interface NewMachine {
  readonly name: string;
  readonly generation: 1 | 2;
  readonly path: string;
  readonly memoryStartupBytes: number;
  readonly version: string;
}

export function newMachine({ name, generation, path, memoryStartupBytes, version }: NewMachine): Machine {
  return {
    id: randomUUID(),
    name,
    generation,
    path,
    version,
    memoryStartupBytes,
    notes: '',
    state: 'Off',
    running: undefined,
    memoryMinimumBytes: 512 * 1024 ** 2,
    memoryMaximumBytes: 1024 ** 4,
    dynamicMemory: false,
    processors: 1,
    nested: false,
    drives: [],
    dvds: [],
    adapters: [{ id: randomUUID(), name: 'Network Adapter', switchName: undefined }],
    snapshots: [],
    secureBoot: 'On',
    secureBootTemplate: 'MicrosoftWindows',
    bootOrder: [],
    hasKeyProtector: false,
    tpm: false,
    startAction: 'StartIfRunning',
    stopAction: 'Save',
    checkpointType: 'Production',
    // As on client editions of Windows: whoever does not want them has to say so.
    automaticCheckpoints: true,
    disabledServices: new Set([SERVICES.guestServices.id]),
    createdAt: Date.now(),
  };
}

export function hasHeartbeat({ running, state, disabledServices }: Machine, guest: GuestBehaviour): boolean {
  if (running === undefined || state === 'Paused' || disabledServices.has(SERVICES.heartbeat.id))
    return false;
  return running.root !== undefined && Date.now() >= running.startedAt + guest.heartbeatAfterMs;
}

/** Only Windows does. */
export function answersDirect({ running, state }: Machine, guest: GuestBehaviour): boolean {
  return (
    state === 'Running' &&
    running?.root !== undefined &&
    existsSync(path.join(running.root, 'Windows/System32')) &&
    Date.now() >= running.startedAt + guest.directAfterMs
  );
}

export function describeMachine(machine: Machine, guest: GuestBehaviour, hostName: string): TypedObject {
  const { running } = machine;
  return {
    $type: 'VirtualMachine',
    Id: machine.id,
    VMId: machine.id,
    Name: machine.name,
    VMName: machine.name,
    ComputerName: hostName,
    Path: machine.path,
    ConfigurationLocation: machine.path,
    SnapshotFileLocation: machine.path,
    SmartPagingFilePath: machine.path,
    Notes: machine.notes,
    Generation: machine.generation,
    Version: machine.version,
    State: machine.state,
    Uptime: timeSpan(running ? Date.now() - running.startedAt : 0),
    Heartbeat: heartbeatOf(machine, guest),
    MemoryAssigned: running ? machine.memoryStartupBytes : 0,
    MemoryStartup: machine.memoryStartupBytes,
    MemoryMinimum: machine.memoryMinimumBytes,
    MemoryMaximum: machine.memoryMaximumBytes,
    DynamicMemoryEnabled: machine.dynamicMemory,
    ProcessorCount: machine.processors,
    ParentSnapshotId: machine.snapshots.at(-1)?.id ?? null,
    ParentSnapshotName: machine.snapshots.at(-1)?.name ?? null,
    AutomaticStartAction: machine.startAction,
    AutomaticStopAction: machine.stopAction,
    AutomaticCheckpointsEnabled: machine.automaticCheckpoints,
    CheckpointType: machine.checkpointType,
    CreationTime: new Date(machine.createdAt).toISOString(),
    HardDrives: machine.drives.map((drive) => describeDrive(machine, drive, 'HardDiskDrive')),
    DVDDrives: machine.dvds.map((drive) => describeDrive(machine, drive, 'DvdDrive')),
    NetworkAdapters: machine.adapters.map((adapter) => describeAdapter(machine, adapter, guest)),
  };
}

function heartbeatOf(machine: Machine, guest: GuestBehaviour): string | null {
  if (machine.running === undefined) return null;
  if (machine.disabledServices.has(SERVICES.heartbeat.id)) return 'Disabled';
  if (machine.state === 'Paused') return 'Paused';
  return hasHeartbeat(machine, guest) ? 'OkApplicationsHealthy' : 'NoContact';
}

export function describeDrive(
  machine: Machine,
  drive: Drive,
  type: 'DvdDrive' | 'HardDiskDrive',
): TypedObject {
  return {
    $type: type,
    Id: `Microsoft:${machine.id.toUpperCase()}\\${drive.id}`,
    Name: `${drive.controllerType} ${drive.controllerNumber}:${drive.controllerLocation}`,
    VMId: machine.id,
    VMName: machine.name,
    Path: drive.path,
    ControllerType: drive.controllerType,
    ControllerNumber: drive.controllerNumber,
    ControllerLocation: drive.controllerLocation,
  };
}

/** The guest tells its addresses, so there are none before its heartbeat, without a switch or without data exchange. */
export function describeAdapter(machine: Machine, adapter: Adapter, guest: GuestBehaviour): TypedObject {
  const isKnown =
    adapter.switchName !== undefined &&
    hasHeartbeat(machine, guest) &&
    !machine.disabledServices.has(SERVICES.dataExchange.id);
  return {
    $type: 'VMNetworkAdapter',
    Id: `Microsoft:${machine.id.toUpperCase()}\\${adapter.id}`,
    Name: adapter.name,
    VMId: machine.id,
    VMName: machine.name,
    SwitchName: adapter.switchName ?? null,
    Connected: adapter.switchName !== undefined,
    IPAddresses: isKnown ? (machine.running?.linux?.addresses ?? guest.addresses) : [],
    MacAddress: '00155D000000',
    IsManagementOs: false,
    DynamicMacAddressEnabled: true,
    Status: [machine.running ? 'Ok' : ''],
  };
}

/** What names a part of a machine. */
export function partOf(machine: Machine, id: string): { Id: string; VMId: string; VMName: string } {
  return { Id: `Microsoft:${machine.id.toUpperCase()}\\${id}`, VMId: machine.id, VMName: machine.name };
}

function timeSpan(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  const part = (value: number): string => String(value).padStart(2, '0');
  return `${part(Math.floor(seconds / 3600))}:${part(Math.floor(seconds / 60) % 60)}:${part(seconds % 60)}`;
}
