/** Hard disk and DVD drives of machines. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readChain } from './disk-files.ts';
import type { Call, Handlers, TypedObject } from './call.ts';
import { inUse, invalidValue, notInContract, StandInError } from './errors.ts';
import type { Host } from './host.ts';
import { describeDrive, type Drive, type Machine } from './machine.ts';
import { given, namedMachines, requireState } from './machine-cmdlets.ts';

/** How many places a controller has, and how many of each kind a generation has. */
const PLACES = { IDE: { controllers: 2, locations: 2 }, SCSI: { controllers: 4, locations: 64 } } as const;

export function driveHandlers(host: Host): Handlers {
  return {
    'Add-VMHardDiskDrive': (call) => addDrive(host, call),
    'Get-VMHardDiskDrive': (call) => getDrives(host, call, 'HardDiskDrive'),
    'Set-VMHardDiskDrive': (call) => setDrive(host, call),
    'Remove-VMHardDiskDrive': (call) => removeDrive(host, call, 'HardDiskDrive'),
    'Add-VMDvdDrive': (call) => addDvd(host, call),
    'Get-VMDvdDrive': (call) => getDrives(host, call, 'DvdDrive'),
    'Remove-VMDvdDrive': (call) => removeDrive(host, call, 'DvdDrive'),
  };
}

interface Place {
  readonly type?: 'IDE' | 'SCSI';
  readonly number?: number;
  readonly location?: number;
}

export class Drives {
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  /** @throws StandInError when the place is taken or the generation has none such, or the disk cannot be used */
  addDrive(machine: Machine, { path, ...wanted }: Place & { readonly path: string }): Drive {
    const drive = { id: randomUUID().toUpperCase(), path, ...this.#place(machine, wanted) };
    const holder = [...this.#host.machines.values()].find((other) =>
      other.drives.some((one) => one.path === path),
    );
    if (holder !== undefined && holder !== machine && holder.running) throw inUse(path);
    if (machine.drives.some((one) => one.path === path)) throw inUse(path);
    machine.drives.push(drive);
    if (machine.generation === 2) machine.bootOrder.push(drive.id);
    return drive;
  }

  #place(
    machine: Machine,
    wanted: Place,
  ): Pick<Drive, 'controllerLocation' | 'controllerNumber' | 'controllerType'> {
    const controllerType = wanted.type ?? (machine.generation === 1 ? 'IDE' : 'SCSI');
    if (controllerType === 'IDE' && machine.generation === 2)
      throw invalidValue('generation 2 has no IDE controller');
    const { controllers, locations } = PLACES[controllerType];
    for (let controllerNumber = 0; controllerNumber < controllers; controllerNumber++)
      for (let controllerLocation = 0; controllerLocation < locations; controllerLocation++) {
        const place = { controllerType, controllerNumber, controllerLocation };
        const isWanted =
          (wanted.number ?? controllerNumber) === controllerNumber &&
          (wanted.location ?? controllerLocation) === controllerLocation;
        if (isWanted && ![...machine.drives, ...machine.dvds].some((drive) => isAt(drive, place)))
          return place;
      }
    throw invalidValue(
      `no such place is free: ${controllerType} ${wanted.number ?? ''}:${wanted.location ?? ''}`,
    );
  }

  addDvd(machine: Machine, path: string, wanted: Place): Drive {
    const drive = { id: randomUUID().toUpperCase(), path, ...this.#place(machine, wanted) };
    machine.dvds.push(drive);
    if (machine.generation === 2) machine.bootOrder.push(drive.id);
    return drive;
  }
}

function isAt(drive: Drive, place: Omit<Drive, 'id' | 'path'>): boolean {
  return (
    drive.controllerType === place.controllerType &&
    drive.controllerNumber === place.controllerNumber &&
    drive.controllerLocation === place.controllerLocation
  );
}

function placeOf(call: Call): Place {
  const type = call.text('ControllerType') as Place['type'];
  return given({
    type,
    number: call.number('ControllerNumber'),
    location: call.number('ControllerLocation'),
  });
}

async function addDrive(host: Host, call: Call): Promise<void> {
  const [place, passthru] = [placeOf(call), call.flag('Passthru') ?? false];
  const given = call.text('Path');
  if (given === undefined) throw notInContract('Add-VMHardDiskDrive without -Path');
  const path = call.path(given);
  call.flag('AllowUnverifiedPaths');
  await call.each(namedMachines(host, call), (machine) => {
    if (place.type !== 'SCSI' && machine.generation === 1) requireState(machine, 'Off');
    if (machine.running) throw notInContract('adding a drive to a machine that runs');
    readChain(path, host.faults);
    const drive = host.drives.addDrive(machine, { path, ...place });
    if (passthru) call.output(describeDrive(machine, drive, 'HardDiskDrive'));
  });
}

async function addDvd(host: Host, call: Call): Promise<void> {
  const [place, passthru] = [placeOf(call), call.flag('Passthru') ?? false];
  const given = call.text('Path');
  const path = given === undefined ? '' : call.path(given);
  await call.each(namedMachines(host, call), (machine) => {
    requireState(machine, 'Off');
    if (path !== '' && !existsSync(path)) throw new StandInError('invalidParameter', 'notFound', [path]);
    const drive = host.drives.addDvd(machine, path, place);
    if (passthru) call.output(describeDrive(machine, drive, 'DvdDrive'));
  });
}

type DriveType = 'DvdDrive' | 'HardDiskDrive';
const drivesOf = (machine: Machine, type: DriveType): Drive[] =>
  type === 'DvdDrive' ? machine.dvds : machine.drives;

async function getDrives(host: Host, call: Call, type: DriveType): Promise<void> {
  const { type: controller, number, location } = placeOf(call);
  if (!['VMName', 'VMObject'].includes(call.set))
    throw notInContract(`${call.cmdlet}, parameter set ${call.set}`);
  await call.each(namedMachines(host, call), (machine) => {
    for (const drive of drivesOf(machine, type)) {
      const wanted = {
        controllerType: controller ?? drive.controllerType,
        controllerNumber: number ?? drive.controllerNumber,
        controllerLocation: location ?? drive.controllerLocation,
      };
      if (isAt(drive, wanted)) call.output(describeDrive(machine, drive, type));
    }
  });
}

/** The drives that a call names by place, or as objects. */
function namedDrives(host: Host, call: Call, type: DriveType): { machine: Machine; drive: Drive }[] {
  const objects = call.list<TypedObject>(type === 'DvdDrive' ? 'VMDvdDrive' : 'VMHardDiskDrive');
  if (objects.length > 0)
    return objects.map((object) => {
      const machine = host.machineById(object.VMId as string);
      const drive = drivesOf(machine, type).find(({ id }) => (object.Id as string).endsWith(id));
      if (drive === undefined) throw new StandInError('objectNotFound', 'notFound', [object.Id as string]);
      return { machine, drive };
    });
  const {
    type: controllerType,
    number: controllerNumber = 0,
    location: controllerLocation = 0,
  } = placeOf(call);
  return namedMachines(host, call).map((machine) => {
    const kind = controllerType ?? (machine.generation === 1 ? 'IDE' : 'SCSI');
    const place = { controllerType: kind, controllerNumber, controllerLocation };
    const drive = drivesOf(machine, type).find((one) => isAt(one, place));
    if (drive === undefined)
      throw new StandInError('invalidParameter', 'notFound', [
        `${kind} ${controllerNumber}:${controllerLocation}`,
      ]);
    return { machine, drive };
  });
}

async function setDrive(host: Host, call: Call): Promise<void> {
  const given = call.text('Path');
  if (given === undefined) throw notInContract('Set-VMHardDiskDrive without -Path');
  const path = call.path(given);
  const passthru = call.flag('Passthru') ?? false;
  call.flag('AllowUnverifiedPaths');
  await call.each(namedDrives(host, call, 'HardDiskDrive'), ({ machine, drive }) => {
    requireState(machine, 'Off');
    readChain(path, host.faults);
    drive.path = path;
    if (passthru) call.output(describeDrive(machine, drive, 'HardDiskDrive'));
  });
}

async function removeDrive(host: Host, call: Call, type: DriveType): Promise<void> {
  const passthru = call.flag('Passthru') ?? false;
  await call.each(namedDrives(host, call, type), ({ machine, drive }) => {
    requireState(machine, 'Off');
    drivesOf(machine, type).splice(drivesOf(machine, type).indexOf(drive), 1);
    machine.bootOrder = machine.bootOrder.filter((id) => id !== drive.id);
    if (passthru) call.output(describeDrive(machine, drive, type));
  });
}
