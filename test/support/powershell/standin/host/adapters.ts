/** Network adapters of machines. */
import { randomUUID } from 'node:crypto';
import type { Call, Handlers, TypedObject } from './call.ts';
import { notInContract, StandInError } from './errors.ts';
import type { Host } from './host.ts';
import { describeAdapter, type Adapter, type Machine } from './machine.ts';
import { change, namedMachines, requireState } from './machine-cmdlets.ts';

export function adapterHandlers(host: Host): Handlers {
  return {
    'Get-VMNetworkAdapter': (call) => getAdapters(host, call),
    'Add-VMNetworkAdapter': (call) => addAdapter(host, call),
    'Remove-VMNetworkAdapter': (call) => eachAdapter(host, call, removeAdapter),
    'Connect-VMNetworkAdapter': (call) => connect(host, call),
    'Disconnect-VMNetworkAdapter': (call) =>
      eachAdapter(host, call, (_, adapter) => void (adapter.switchName = undefined)),
  };
}

async function getAdapters(host: Host, call: Call): Promise<void> {
  const name = call.text('Name');
  if (!['VMName', 'VMObject'].includes(call.set))
    throw notInContract(`Get-VMNetworkAdapter, parameter set ${call.set}`);
  await call.each(namedMachines(host, call), (machine) => {
    const found = machine.adapters.filter((adapter) => name === undefined || adapter.name === name);
    for (const adapter of found) call.output(describeAdapter(machine, adapter, host.guest));
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
