/** New-VM, Get-VM, Start-VM, Stop-VM and the others that make machines and change their state. */
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createVhdx } from '../../../../../src/vhdx/create.ts';
import type { Call, Handlers } from './call.ts';
import { readChain } from './disk-files.ts';
import { invalidValue, notInContract, StandInError } from './errors.ts';
import type { Host } from './host.ts';
import { describeMachine, newMachine, type Machine, type MachineState } from './machine.ts';

export function machineHandlers(host: Host): Handlers {
  return {
    'Get-VM': (call) => getVm(host, call),
    'New-VM': (call) => newVm(host, call),
    'Set-VM': (call) => setVm(host, call),
    'Rename-VM': (call) => renameVm(host, call),
    'Remove-VM': (call) => removeVm(host, call),
    'Start-VM': (call) => change(host, call, (machine) => host.power.start(machine)),
    'Stop-VM': (call) => stopVm(host, call),
    'Restart-VM': (call) => restartVm(host, call),
    'Suspend-VM': (call) => move(host, call, 'Running', 'Paused'),
    'Resume-VM': (call) => move(host, call, 'Paused', 'Running'),
    'Save-VM': (call) => change(host, call, (machine) => host.power.save(machine)),
    'Remove-VMSavedState': (call) => change(host, call, (machine) => discardSaved(machine)),
  };
}

/** The machines that a call names: by name, wildcards and all, or as objects. */
export function namedMachines(host: Host, call: Call): Machine[] {
  const objects = call.list<{ Id: string }>('VM');
  if (objects.length > 0) return objects.map(({ Id }) => host.machineById(Id));
  return ['Name', 'VMName']
    .filter((parameter) => parameter === 'VMName' || !call.cmdlet.includes('Snapshot'))
    .flatMap((parameter) => call.list(parameter))
    .flatMap((name) => host.machinesByName(name));
}

async function getVm(host: Host, call: Call): Promise<void> {
  const write = (machine: Machine): void => call.output(describeMachine(machine, host.guest, host.name));
  const id = call.text('Id');
  if (id !== undefined) return write(host.machineById(id));
  const names = call.list('Name');
  if (names.length === 0) return [...host.machines.values()].forEach(write);
  await call.each(names, (name) => host.machinesByName(name).forEach(write));
}

/** Does something with each machine, and writes it when that was asked for. */
export async function change(
  host: Host,
  call: Call,
  body: (machine: Machine) => void | Promise<void>,
): Promise<void> {
  const passthru = call.flag('Passthru') ?? false;
  await call.each(namedMachines(host, call), async (machine) => {
    await body(machine);
    if (passthru) call.output(describeMachine(machine, host.guest, host.name));
  });
}

export function requireState(machine: Machine, ...states: readonly MachineState[]): void {
  if (!states.includes(machine.state))
    throw new StandInError('invalidState', 'invalidState', [`${machine.name}: ${machine.state}`]);
}

function newVm(host: Host, call: Call): void {
  const name = call.text('Name') ?? 'New Virtual Machine';
  const generation = (call.number('Generation') ?? 1) as 1 | 2;
  const folder = path.join(call.path(call.text('Path') ?? host.machinesFolder), name);
  const memoryStartupBytes = call.number('MemoryStartupBytes') ?? 512 * 1024 ** 2;
  const version = call.text('Version') ?? '12.0';
  const switchName = call.text('SwitchName');
  const [existing, made, size] = [
    call.text('VHDPath'),
    call.text('NewVHDPath'),
    call.number('NewVHDSizeBytes'),
  ];
  if (call.text('BootDevice') !== undefined && call.text('BootDevice') !== 'VHD')
    throw notInContract('New-VM -BootDevice');
  call.flag('NoVHD');
  if (memoryStartupBytes < 32 * 1024 ** 2 || memoryStartupBytes % (2 * 1024 ** 2) !== 0)
    throw invalidValue(`MemoryStartupBytes ${memoryStartupBytes}`);
  if (!host.versions.includes(version)) throw invalidValue(`Version ${version}`);
  if (switchName !== undefined) host.switchByName(switchName);
  const disk = existing ?? made;
  const diskPath = disk === undefined ? undefined : call.path(disk);
  if (made !== undefined) createVhdx(diskPath!, { sizeBytes: size! });
  // Hyper-V opens the disk when it is added: a chain that is broken is refused here.
  if (diskPath !== undefined) readChain(diskPath, host.faults);
  const machine = newMachine({ name, generation, path: folder, memoryStartupBytes, version });
  machine.adapters[0].switchName = switchName;
  if (diskPath !== undefined) host.drives.addDrive(machine, { path: diskPath });
  mkdirSync(folder, { recursive: true });
  host.machines.set(machine.id, machine);
  call.output(describeMachine(machine, host.guest, host.name));
}

async function setVm(host: Host, call: Call): Promise<void> {
  const wanted = {
    processors: call.number('ProcessorCount'),
    memoryStartupBytes: call.number('MemoryStartupBytes'),
    memoryMinimumBytes: call.number('MemoryMinimumBytes'),
    memoryMaximumBytes: call.number('MemoryMaximumBytes'),
    dynamicMemory: call.flag('DynamicMemory') ? true : call.flag('StaticMemory') ? false : undefined,
  };
  const anytime = {
    notes: call.text('Notes'),
    name: call.text('NewVMName'),
    startAction: call.text('AutomaticStartAction'),
    stopAction: call.text('AutomaticStopAction'),
    automaticCheckpoints: call.flag('AutomaticCheckpointsEnabled'),
    checkpointType: call.text('CheckpointType') as Machine['checkpointType'] | undefined,
  };
  for (const ignored of ['AutomaticStartDelay', 'LockOnDisconnect', 'GuestControlledCacheTypes'])
    call.get(ignored);
  await change(host, call, (machine) => {
    if (Object.values(wanted).some((value) => value !== undefined)) requireState(machine, 'Off');
    if (anytime.name !== undefined) host.refuseBadName(anytime.name);
    Object.assign(machine, given(wanted), given(anytime));
  });
}

/** Without what was not given. */
export function given<T extends object>(values: T): Partial<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Partial<T>;
}

async function renameVm(host: Host, call: Call): Promise<void> {
  const name = call.text('NewName')!;
  host.refuseBadName(name);
  await change(host, call, (machine) => void (machine.name = name));
}

/** The machine's files go, its disks stay; differences of checkpoints are merged. */
async function removeVm(host: Host, call: Call): Promise<void> {
  await change(host, call, (machine) => {
    requireState(machine, 'Off', 'Saved');
    host.checkpoints.mergeAll(machine);
    host.machines.delete(machine.id);
    if (existsSync(machine.path)) rmSync(machine.path, { recursive: true });
  });
}

async function stopVm(host: Host, call: Call): Promise<void> {
  const [isTurnedOff, isSaved] = [call.flag('TurnOff') ?? false, call.flag('Save') ?? false];
  if (isTurnedOff && isSaved) throw invalidValue('-TurnOff and -Save');
  await change(host, call, async (machine) => {
    if (isSaved) await host.power.save(machine);
    else if (isTurnedOff) await host.power.turnOff(machine);
    else await host.power.shutDown(machine, call.signal);
  });
}

async function restartVm(host: Host, call: Call): Promise<void> {
  const waitsFor = call.flag('Wait') ? (call.text('For') ?? 'Heartbeat') : undefined;
  const timeoutMs = (call.number('Timeout') ?? Infinity) * 1000;
  const delayMs = (call.number('Delay') ?? 5) * 1000;
  if (waitsFor === 'IPAddress') throw notInContract('Restart-VM -For IPAddress');
  await change(host, call, async (machine) => {
    await host.power.turnOff(machine);
    await host.power.start(machine);
    if (waitsFor !== undefined)
      await host.power.waitForHeartbeat(machine, { timeoutMs, delayMs, signal: call.signal });
  });
}

async function move(host: Host, call: Call, from: MachineState, to: MachineState): Promise<void> {
  await change(host, call, (machine) => {
    requireState(machine, from);
    machine.state = to;
  });
}

function discardSaved(machine: Machine): void {
  requireState(machine, 'Saved');
  machine.state = 'Off';
}
