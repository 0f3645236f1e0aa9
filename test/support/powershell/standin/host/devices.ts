/** Drives, adapters and settings of machines. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readChain } from './disk-files.ts';
import type { Call, Handlers, Output, TypedObject } from './call.ts';
import { inUse, invalidValue, notInContract, StandInError } from './errors.ts';
import type { Host } from './host.ts';
import {
  describeAdapter,
  describeDrive,
  SECURE_BOOT_TEMPLATES,
  SERVICES,
  type Adapter,
  type Drive,
  type Machine,
} from './machine.ts';
import { change, given, namedMachines, requireState } from './machine-cmdlets.ts';

/** How many places a controller has, and how many of each kind a generation has. */
const PLACES = { IDE: { controllers: 2, locations: 2 }, SCSI: { controllers: 4, locations: 64 } } as const;

export function deviceHandlers(host: Host): Handlers {
  return {
    'Add-VMHardDiskDrive': (call) => addDrive(host, call),
    'Get-VMHardDiskDrive': (call) => getDrives(host, call, 'HardDiskDrive'),
    'Set-VMHardDiskDrive': (call) => setDrive(host, call),
    'Remove-VMHardDiskDrive': (call) => removeDrive(host, call, 'HardDiskDrive'),
    'Add-VMDvdDrive': (call) => addDvd(host, call),
    'Get-VMDvdDrive': (call) => getDrives(host, call, 'DvdDrive'),
    'Remove-VMDvdDrive': (call) => removeDrive(host, call, 'DvdDrive'),
    'Get-VMNetworkAdapter': (call) => getAdapters(host, call),
    'Add-VMNetworkAdapter': (call) => addAdapter(host, call),
    'Remove-VMNetworkAdapter': (call) =>
      eachAdapter(host, call, (machine, adapter) => removeAdapter(machine, adapter)),
    'Connect-VMNetworkAdapter': (call) => connect(host, call),
    'Disconnect-VMNetworkAdapter': (call) =>
      eachAdapter(host, call, (_, adapter) => void (adapter.switchName = undefined)),
    'Get-VMFirmware': (call) => describeEach(host, call, describeFirmware),
    'Set-VMFirmware': (call) => setFirmware(host, call),
    'Get-VMMemory': (call) => describeEach(host, call, describeMemory),
    'Set-VMMemory': (call) => setMemory(host, call),
    'Get-VMProcessor': (call) => describeEach(host, call, describeProcessor),
    'Set-VMProcessor': (call) => setProcessor(host, call),
    'Get-VMSecurity': (call) => describeEach(host, call, describeSecurity),
    'Set-VMKeyProtector': (call) => setKeyProtector(host, call),
    'Enable-VMTPM': (call) => setTpm(host, call, true),
    'Disable-VMTPM': (call) => setTpm(host, call, false),
    'Get-VMIntegrationService': (call) => getServices(host, call),
    'Enable-VMIntegrationService': (call) => switchService(host, call, true),
    'Disable-VMIntegrationService': (call) => switchService(host, call, false),
  };
}

interface Place {
  readonly type?: 'IDE' | 'SCSI';
  readonly number?: number;
  readonly location?: number;
}

export class Devices {
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
    const drive = host.devices.addDrive(machine, { path, ...place });
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
    const drive = host.devices.addDvd(machine, path, place);
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

async function getAdapters(host: Host, call: Call): Promise<void> {
  const name = call.text('Name');
  if (!['VMName', 'VMObject'].includes(call.set))
    throw notInContract(`Get-VMNetworkAdapter, parameter set ${call.set}`);
  await call.each(namedMachines(host, call), (machine) => {
    const found = machine.adapters.filter((adapter) => name === undefined || adapter.name === name);
    for (const adapter of found) call.output(describeAdapter(machine, adapter));
  });
}

async function addAdapter(host: Host, call: Call): Promise<void> {
  const [name, switchName] = [call.text('Name') ?? 'Network Adapter', call.text('SwitchName')];
  if (switchName !== undefined) host.switchByName(switchName);
  await change(host, call, (machine) => {
    if (machine.generation === 1) requireState(machine, 'Off');
    machine.adapters.push({ id: randomUUID().toUpperCase(), name, switchName });
  });
}

async function eachAdapter(
  host: Host,
  call: Call,
  body: (machine: Machine, adapter: Adapter) => void,
): Promise<void> {
  const objects = call.list<TypedObject>('VMNetworkAdapter');
  if (objects.length > 0) {
    return call.each(objects, (object) => {
      const machine = host.machineById(object.VMId as string);
      const adapter = machine.adapters.find(({ id }) =>
        (object.Id as string).toUpperCase().endsWith(id.toUpperCase()),
      );
      if (adapter === undefined) throw new StandInError('objectNotFound', 'notFound', [object.Id as string]);
      body(machine, adapter);
    });
  }
  const names = [...call.list('Name'), ...call.list('VMNetworkAdapterName')];
  await call.each(namedMachines(host, call), (machine) => {
    for (const adapter of machine.adapters.filter((one) => names.length === 0 || names.includes(one.name)))
      body(machine, adapter);
  });
}

function removeAdapter(machine: Machine, adapter: Adapter): void {
  if (machine.generation === 1) requireState(machine, 'Off');
  machine.adapters = machine.adapters.filter((one) => one !== adapter);
}

async function connect(host: Host, call: Call): Promise<void> {
  const [named, object] = [call.text('SwitchName'), call.get('VMSwitch') as TypedObject | undefined];
  if (named === undefined && object === undefined)
    throw notInContract(`Connect-VMNetworkAdapter, parameter set ${call.set}`);
  const { name } = host.switchByName(named ?? (object!.Name as string));
  await eachAdapter(host, call, (_, adapter) => void (adapter.switchName = name));
}

async function describeEach(
  host: Host,
  call: Call,
  describe: (machine: Machine) => TypedObject,
): Promise<void> {
  if (!['VMName', 'VMObject'].includes(call.set))
    throw notInContract(`${call.cmdlet}, parameter set ${call.set}`);
  await call.each(namedMachines(host, call), (machine) => call.output(describe(machine) as Output));
}

const part = (machine: Machine, id: string): { Id: string; VMId: string; VMName: string } => ({
  Id: `Microsoft:${machine.id.toUpperCase()}\\${id}`,
  VMId: machine.id,
  VMName: machine.name,
});

function describeFirmware(machine: Machine): TypedObject {
  if (machine.generation === 1) throw invalidValue(`${machine.name} is of generation 1`);
  const devices = [
    ...machine.drives.map(
      (drive) => ['Drive', drive.id, describeDrive(machine, drive, 'HardDiskDrive')] as const,
    ),
    ...machine.dvds.map((drive) => ['Drive', drive.id, describeDrive(machine, drive, 'DvdDrive')] as const),
    ...machine.adapters.map((adapter) => ['Network', adapter.id, describeAdapter(machine, adapter)] as const),
  ];
  const order = machine.bootOrder.flatMap((id) => devices.filter(([, device]) => device === id));
  return {
    $type: 'VMFirmware',
    ...part(machine, 'FIRMWARE'),
    SecureBoot: machine.secureBoot,
    SecureBootTemplate: machine.secureBootTemplate,
    SecureBootTemplateId: SECURE_BOOT_TEMPLATES[machine.secureBootTemplate],
    BootOrder: order.map(([BootType, , Device]) => ({
      $type: 'BootSource',
      BootType,
      Device,
      Id: Device.Id,
    })),
    ConsoleMode: 'Default',
    PreferredNetworkBootProtocol: 'IPv4',
  };
}

async function setFirmware(host: Host, call: Call): Promise<void> {
  const secureBoot = call.text('EnableSecureBoot') as 'Off' | 'On' | undefined;
  const template = call.text('SecureBootTemplate');
  const [order, first] = [
    call.list<TypedObject>('BootOrder'),
    call.get('FirstBootDevice') as TypedObject | undefined,
  ];
  if (call.set === 'VMFirmware') throw notInContract('Set-VMFirmware -VMFirmware');
  await change(host, call, (machine) => {
    if (machine.generation === 1) throw invalidValue(`${machine.name} is of generation 1`);
    requireState(machine, 'Off');
    if (template !== undefined && !(template in SECURE_BOOT_TEMPLATES))
      throw invalidValue(`SecureBootTemplate ${template}`);
    // Reported from real hosts: OperationFailed,...SetVMFirmware once the TPM is there.
    if (template !== undefined && machine.tpm)
      throw new StandInError('operationFailed', 'invalidState', [`${machine.name}: TPM`]);
    Object.assign(machine, given({ secureBoot, secureBootTemplate: template }));
    const ids = [...machine.drives, ...machine.dvds, ...machine.adapters].map(({ id }) => id);
    const idOf = (device: TypedObject): string => {
      const text = ((device.Device as TypedObject | undefined) ?? device).Id as string;
      const id = ids.find((one) => text.toUpperCase().endsWith(one.toUpperCase()));
      if (id === undefined) throw invalidValue(`${text} is no device of ${machine.name}`);
      return id;
    };
    if (order.length > 0) machine.bootOrder = order.map(idOf);
    if (first !== undefined)
      machine.bootOrder = [idOf(first), ...machine.bootOrder.filter((id) => id !== idOf(first))];
  });
}

function describeMemory(machine: Machine): TypedObject {
  const {
    memoryStartupBytes: Startup,
    memoryMinimumBytes: Minimum,
    memoryMaximumBytes: Maximum,
    dynamicMemory,
  } = machine;
  return {
    $type: 'VMMemory',
    ...part(machine, 'MEMORY'),
    Startup,
    Minimum,
    Maximum,
    DynamicMemoryEnabled: dynamicMemory,
  };
}

async function setMemory(host: Host, call: Call): Promise<void> {
  const wanted = {
    memoryStartupBytes: call.number('StartupBytes'),
    memoryMinimumBytes: call.number('MinimumBytes'),
    memoryMaximumBytes: call.number('MaximumBytes'),
    dynamicMemory: call.flag('DynamicMemoryEnabled'),
  };
  await change(host, call, (machine) => {
    requireState(machine, 'Off');
    Object.assign(machine, given(wanted));
  });
}

function describeProcessor(machine: Machine): TypedObject {
  const { processors: Count, nested: ExposeVirtualizationExtensions } = machine;
  return { $type: 'VMProcessor', ...part(machine, 'PROCESSOR'), Count, ExposeVirtualizationExtensions };
}

async function setProcessor(host: Host, call: Call): Promise<void> {
  const wanted = { processors: call.number('Count'), nested: call.flag('ExposeVirtualizationExtensions') };
  await change(host, call, (machine) => {
    requireState(machine, 'Off');
    if ((wanted.processors ?? 1) > host.logicalProcessors) throw invalidValue(`Count ${wanted.processors}`);
    Object.assign(machine, given(wanted));
  });
}

function describeSecurity(machine: Machine): TypedObject {
  return { $type: 'VMSecurity', ...part(machine, 'SECURITY'), TpmEnabled: machine.tpm, Shielded: false };
}

async function setKeyProtector(host: Host, call: Call): Promise<void> {
  if (!call.flag('NewLocalKeyProtector'))
    throw notInContract('Set-VMKeyProtector without -NewLocalKeyProtector');
  await change(host, call, (machine) => {
    requireState(machine, 'Off');
    machine.hasKeyProtector = true;
  });
}

async function setTpm(host: Host, call: Call, isOn: boolean): Promise<void> {
  await change(host, call, (machine) => {
    requireState(machine, 'Off');
    if (isOn && (machine.generation === 1 || !machine.hasKeyProtector))
      throw new StandInError('operationFailed', 'invalidState', [`${machine.name}: no key protector`]);
    machine.tpm = isOn;
  });
}

async function getServices(host: Host, call: Call): Promise<void> {
  const names = call.list('Name');
  if (!['VMName', 'VMObject'].includes(call.set))
    throw notInContract(`Get-VMIntegrationService, parameter set ${call.set}`);
  await call.each(namedMachines(host, call), (machine) => {
    for (const service of Object.values(SERVICES)) {
      const described = describeService(host, machine, service);
      if (names.length === 0 || names.includes(described.Name as string)) call.output(described);
    }
  });
}

function describeService(
  host: Host,
  machine: Machine,
  { id, names }: (typeof SERVICES)[keyof typeof SERVICES],
): TypedObject {
  const isEnabled = !machine.disabledServices.has(id);
  const status = machine.running && isEnabled ? (host.guestAnswers(machine) ? 'Ok' : 'NoContact') : undefined;
  return {
    $type: 'VMIntegrationComponent',
    ...part(machine, id),
    Name: names[{ en: 0, de: 1, ja: 2 }[host.language]],
    Enabled: isEnabled,
    OperationalStatus: status === undefined ? [] : [status],
    PrimaryOperationalStatus: status ?? null,
  };
}

async function switchService(host: Host, call: Call, isOn: boolean): Promise<void> {
  const objects = call.list<TypedObject>('VMIntegrationService');
  const passthru = call.flag('Passthru') ?? false;
  const flip = (machine: Machine, id: string): void =>
    void (isOn ? machine.disabledServices.delete(id) : machine.disabledServices.add(id));
  if (objects.length > 0) {
    return call.each(objects, (object) => {
      const service = Object.values(SERVICES).find(({ id }) => (object.Id as string).endsWith(id))!;
      const machine = host.machineById(object.VMId as string);
      flip(machine, service.id);
      if (passthru) call.output(describeService(host, machine, service));
    });
  }
  const names = call.list('Name');
  await call.each(namedMachines(host, call), (machine) => {
    for (const name of names) {
      const service = Object.values(SERVICES).find(
        (one) => describeService(host, machine, one).Name === name,
      );
      if (service === undefined) throw new StandInError('invalidParameter', 'notFound', [name], name);
      flip(machine, service.id);
    }
  });
}
