/** Firmware, memory, processors and security of machines. */
import type { Call, Handlers, TypedObject } from './call.ts';
import { invalidValue, notInContract, StandInError } from './errors.ts';
import type { GuestBehaviour } from './faults.ts';
import type { Host } from './host.ts';
import { describeAdapter, describeDrive, partOf, SECURE_BOOT_TEMPLATES, type Machine } from './machine.ts';
import { change, given, namedMachines, requireState } from './machine-cmdlets.ts';

export function settingHandlers(host: Host): Handlers {
  return {
    'Get-VMFirmware': (call) => describeEach(host, call, (machine) => describeFirmware(machine, host.guest)),
    'Set-VMFirmware': (call) => setFirmware(host, call),
    'Get-VMMemory': (call) => describeEach(host, call, describeMemory),
    'Set-VMMemory': (call) => setMemory(host, call),
    'Get-VMProcessor': (call) => describeEach(host, call, describeProcessor),
    'Set-VMProcessor': (call) => setProcessor(host, call),
    'Get-VMSecurity': (call) => describeEach(host, call, describeSecurity),
    'Set-VMKeyProtector': (call) => setKeyProtector(host, call),
    'Enable-VMTPM': (call) => setTpm(host, call, true),
    'Disable-VMTPM': (call) => setTpm(host, call, false),
  };
}

async function describeEach(
  host: Host,
  call: Call,
  describe: (machine: Machine) => TypedObject,
): Promise<void> {
  if (!['VMName', 'VMObject'].includes(call.set))
    throw notInContract(`${call.cmdlet}, parameter set ${call.set}`);
  await call.each(namedMachines(host, call), (machine) => call.output(describe(machine)));
}

function describeFirmware(machine: Machine, guest: GuestBehaviour): TypedObject {
  if (machine.generation === 1) throw invalidValue(`${machine.name} is of generation 1`);
  const devices = [
    ...machine.drives.map(
      (drive) => ['Drive', drive.id, describeDrive(machine, drive, 'HardDiskDrive')] as const,
    ),
    ...machine.dvds.map((drive) => ['Drive', drive.id, describeDrive(machine, drive, 'DvdDrive')] as const),
    ...machine.adapters.map(
      (adapter) => ['Network', adapter.id, describeAdapter(machine, adapter, guest)] as const,
    ),
  ];
  const order = machine.bootOrder.flatMap((id) => devices.filter(([, device]) => device === id));
  return {
    $type: 'VMFirmware',
    ...partOf(machine, 'FIRMWARE'),
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
    ...partOf(machine, 'MEMORY'),
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
  return { $type: 'VMProcessor', ...partOf(machine, 'PROCESSOR'), Count, ExposeVirtualizationExtensions };
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
  return { $type: 'VMSecurity', ...partOf(machine, 'SECURITY'), TpmEnabled: machine.tpm, Shielded: false };
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
