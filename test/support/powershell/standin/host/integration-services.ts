/** The services by which a host and a guest know of each other. Their names are in the host's language, their ids are not. */
import type { Call, Handlers, TypedObject } from './call.ts';
import { notInContract, StandInError } from './errors.ts';
import type { Host } from './host.ts';
import { partOf, SERVICES, type Machine } from './machine.ts';
import { namedMachines } from './machine-cmdlets.ts';

export function serviceHandlers(host: Host): Handlers {
  return {
    'Get-VMIntegrationService': (call) => getServices(host, call),
    'Enable-VMIntegrationService': (call) => switchService(host, call, true),
    'Disable-VMIntegrationService': (call) => switchService(host, call, false),
  };
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
    ...partOf(machine, id),
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
