/** Checkpoints: the disks of a machine are frozen as they are, and what is written from then on goes to differences. */
import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { createChild } from '../../../../../src/vhdx/create.ts';
import { mergeDisk } from '../../../../../src/vhdx/operations/merge-disk.ts';
import type { Call, Handlers, TypedObject } from './call.ts';
import { notInContract, StandInError } from './errors.ts';
import type { Host } from './host.ts';
import {
  describeDrive,
  describeMachine,
  hasHeartbeat,
  SERVICES,
  type Drive,
  type Machine,
  type Snapshot,
} from './machine.ts';
import { namedMachines, requireState } from './machine-cmdlets.ts';

export function checkpointHandlers(host: Host): Handlers {
  return {
    'Checkpoint-VM': (call) => checkpoint(host, call),
    'Get-VMSnapshot': (call) => getSnapshots(host, call),
    'Remove-VMSnapshot': (call) => removeSnapshots(host, call),
  };
}

export class Checkpoints {
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  async take(machine: Machine, name: string | undefined): Promise<Snapshot> {
    requireState(machine, 'Off', 'Running', 'Paused', 'Saved');
    if (machine.checkpointType === 'Disabled')
      throw new StandInError('invalidState', 'invalidState', [`${machine.name}: checkpoints are disabled`]);
    // A production checkpoint needs the guest's help; without it only ProductionOnly fails.
    const canQuiesce =
      hasHeartbeat(machine, this.#host.guest) && !machine.disabledServices.has(SERVICES.backup.id);
    if (machine.checkpointType === 'ProductionOnly' && machine.running && !canQuiesce)
      throw new StandInError('operationFailed', 'invalidState', [
        `${machine.name}: no production checkpoint`,
      ]);
    for (const disk of machine.running?.disks.values() ?? []) {
      for (const mounted of disk.mounts.values()) await mounted.flush();
      disk.writeBack();
    }
    const frozen = machine.drives.map((drive): Drive => ({ ...drive }));
    for (const drive of machine.drives) this.#continueOnDifference(machine, drive);
    const snapshot = {
      id: randomUUID(),
      name: name ?? `${machine.name} - (${new Date().toISOString()})`,
      drives: frozen,
      parentId: machine.snapshots.at(-1)?.id,
    };
    machine.snapshots.push(snapshot);
    return snapshot;
  }

  /** `disk.vhdx` goes on as `disk_GUID.avhdx` beside it. */
  #continueOnDifference(machine: Machine, drive: Drive): void {
    const { dir, name } = path.parse(drive.path);
    const base = name.replace(/_[0-9A-F-]{36}$/, '');
    const leaf = path.join(dir, `${base}_${randomUUID().toUpperCase()}.avhdx`);
    createChild(leaf, drive.path);
    machine.running?.disks.get(drive)?.continueOn(leaf);
    drive.path = leaf;
  }

  /** Merges the differences below a machine that is off into the disks that they began on. */
  mergeAll(machine: Machine): void {
    for (const snapshot of [...machine.snapshots].reverse()) this.remove(machine, snapshot);
  }

  remove(machine: Machine, snapshot: Snapshot): void {
    if (machine.snapshots.at(-1) !== snapshot)
      throw notInContract('Remove-VMSnapshot of a checkpoint that is not the last');
    machine.snapshots.pop();
    for (const [index, frozen] of snapshot.drives.entries())
      this.#mergeInto(machine, machine.drives[index], frozen.path);
  }

  /** While the machine runs too: what it has written so far goes into the disk that was frozen, and it goes on there. */
  #mergeInto(machine: Machine, drive: Drive, frozenPath: string): void {
    const disk = machine.running?.disks.get(drive);
    disk?.writeBack();
    Array.from(mergeDisk(drive.path));
    drive.path = frozenPath;
    disk?.returnTo(frozenPath);
  }
}

async function checkpoint(host: Host, call: Call): Promise<void> {
  const [name, passthru] = [call.text('SnapshotName'), call.flag('Passthru') ?? false];
  await call.each(namedMachines(host, call), async (machine) => {
    const snapshot = await host.checkpoints.take(machine, name);
    if (passthru) call.output(describeSnapshot(host, machine, snapshot));
  });
}

async function getSnapshots(host: Host, call: Call): Promise<void> {
  const name = call.text('Name');
  if (call.set === 'Id') {
    const id = call.text('Id')!.toLowerCase();
    const owner = [...host.machines.values()].find(({ snapshots }) => snapshots.some((one) => one.id === id));
    if (owner === undefined) throw new StandInError('objectNotFound', 'notFound', [id]);
    return call.output(
      describeSnapshot(
        host,
        owner,
        owner.snapshots.find((one) => one.id === id)!,
      ),
    );
  }
  if (!['VMName', 'VMObject'].includes(call.set))
    throw notInContract(`Get-VMSnapshot, parameter set ${call.set}`);
  await call.each(namedMachines(host, call), (machine) => {
    for (const snapshot of found(machine, name)) call.output(describeSnapshot(host, machine, snapshot));
  });
}

async function removeSnapshots(host: Host, call: Call): Promise<void> {
  const names = call.list('Name');
  if (call.flag('IncludeAllChildSnapshots'))
    throw notInContract('Remove-VMSnapshot -IncludeAllChildSnapshots');
  if (call.set === 'SnapshotObject') {
    return call.each(call.list<{ Id: string; VMId: string }>('VMSnapshot'), ({ Id, VMId }) => {
      const machine = host.machineById(VMId);
      const snapshot = machine.snapshots.find(({ id }) => id === Id.toLowerCase());
      if (snapshot === undefined) throw new StandInError('objectNotFound', 'notFound', [Id]);
      host.checkpoints.remove(machine, snapshot);
    });
  }
  await call.each(namedMachines(host, call), (machine) => {
    const all =
      names.length === 0 ? found(machine, undefined) : names.flatMap((name) => found(machine, name));
    for (const snapshot of all.reverse()) host.checkpoints.remove(machine, snapshot);
  });
}

function found(machine: Machine, name: string | undefined): Snapshot[] {
  const all = machine.snapshots.filter((snapshot) => name === undefined || snapshot.name === name);
  if (all.length === 0 && name !== undefined)
    throw new StandInError('invalidParameter', 'notFound', [name], name);
  return all;
}

function describeSnapshot(host: Host, machine: Machine, snapshot: Snapshot): TypedObject {
  const {
    $type: _,
    VMId: __,
    Uptime: ___,
    Heartbeat: ____,
    MemoryAssigned: _____,
    ...shared
  } = describeMachine(machine, host.guest, host.name);
  return {
    ...shared,
    $type: 'VMSnapshot',
    Id: snapshot.id,
    Name: snapshot.name,
    VMId: machine.id,
    VMName: machine.name,
    State: machine.running ? 'Running' : 'Off',
    ParentSnapshotId: snapshot.parentId ?? null,
    SnapshotType: 'Standard',
    IsAutomaticCheckpoint: false,
    HardDrives: snapshot.drives.map((drive) => describeDrive(machine, drive, 'HardDiskDrive')),
  };
}
