/** The host itself: Get-VMHost, virtual switches, versions. */
import { randomUUID } from 'node:crypto';
import type { Call, Handlers, TypedObject } from './call.ts';
import { invalidValue, notInContract, StandInError } from './errors.ts';
import type { Host } from './host.ts';

export interface VirtualSwitch {
  readonly id: string;
  name: string;
  readonly type: 'External' | 'Internal' | 'Private';
  notes: string;
}

export function hostHandlers(host: Host): Handlers {
  return {
    'Get-VMHost': (call) => call.output(describeHost(host)),
    'Get-VMHostSupportedVersion': (call) => supportedVersions(host, call),
    'Get-VMSwitch': (call) => getSwitches(host, call),
    'New-VMSwitch': (call) => newSwitch(host, call),
    'Remove-VMSwitch': (call) => removeSwitch(host, call),
  };
}

function describeHost(host: Host): TypedObject {
  return {
    $type: 'VMHost',
    Name: host.name,
    ComputerName: host.name,
    VirtualHardDiskPath: host.machinesFolder,
    VirtualMachinePath: host.machinesFolder,
    LogicalProcessorCount: host.logicalProcessors,
    MemoryCapacity: host.faults.freeMemoryBytes,
  };
}

function supportedVersions(host: Host, call: Call): void {
  const isDefaultOnly = call.flag('Default') ?? false;
  for (const version of host.versions) {
    const isDefault = version === '12.0';
    if (isDefault || !isDefaultOnly)
      call.output({
        $type: 'VMHostSupportedVersion',
        Name: `Version ${version}`,
        Version: version,
        IsDefault: isDefault,
      });
  }
}

function describeSwitch(host: Host, { id, name, type, notes }: VirtualSwitch): TypedObject {
  return { $type: 'VMSwitch', Id: id, Name: name, ComputerName: host.name, SwitchType: type, Notes: notes };
}

async function getSwitches(host: Host, call: Call): Promise<void> {
  const [names, ids, types] = [call.list('Name'), call.list('Id'), call.list('SwitchType')];
  const write = (one: VirtualSwitch): void => {
    if (types.length === 0 || types.includes(one.type)) call.output(describeSwitch(host, one));
  };
  if (ids.length > 0) {
    return call.each(ids, (id) => {
      const found = host.switches.find((one) => one.id === id.toLowerCase());
      if (found === undefined) throw new StandInError('objectNotFound', 'notFound', [id]);
      write(found);
    });
  }
  if (names.length === 0) return host.switches.forEach(write);
  await call.each(names, (name) => write(host.switchByName(name)));
}

async function newSwitch(host: Host, call: Call): Promise<void> {
  const type = call.text('SwitchType') as VirtualSwitch['type'] | undefined;
  const notes = call.text('Notes') ?? '';
  if (type === undefined) throw notInContract('New-VMSwitch on a network adapter');
  await call.each(call.list('Name'), (name) => {
    if (name === '') throw invalidValue('an empty name');
    const made = { id: randomUUID(), name, type, notes };
    host.switches.push(made);
    call.output(describeSwitch(host, made));
  });
}

async function removeSwitch(host: Host, call: Call): Promise<void> {
  const names = [
    ...call.list('Name'),
    ...call.list<TypedObject>('VMSwitch').map((one) => one.Name as string),
  ];
  await call.each(names, (name) => {
    const found = host.switchByName(name);
    host.switches.splice(host.switches.indexOf(found), 1);
    for (const { adapters } of host.machines.values())
      for (const adapter of adapters) if (adapter.switchName === name) adapter.switchName = undefined;
  });
}
