/** What machine a step gets: the recipe's wishes over the driver's options over what suits the guest. */
import { HyperfileError } from '../../base/error.ts';
import type { GuestOs, MachineSettings } from '../../oci/image.ts';
import type { PartitionTable } from './find-system.ts';
import type { HyperVHost, NewMachine, VirtualSwitch } from './host.ts';
import type { HyperVOptions } from './options.ts';

/** All that a machine is made with, but for its disk and its folder. */
export type MachineSpec = Omit<NewMachine, 'diskPath' | 'folder' | 'label'>;

export interface SpecRequest {
  readonly system: GuestOs;
  readonly table: PartitionTable;
  /** Of the recipe. */
  readonly machine?: MachineSettings;
  /** Absent: connected to nothing. */
  readonly switchId?: string;
  readonly options: HyperVOptions;
}

/** @throws HyperfileError HYPERV_GENERATION for what only the other generation of machines has */
export function machineSpec({ system, table, machine = {}, switchId, options }: SpecRequest): MachineSpec {
  const generation = machine.generation ?? (table === 'gpt' ? 2 : 1);
  refuseImpossible(generation, machine);
  const secureBoot = generation === 2 ? secureBootOf(system, machine) : undefined;
  return {
    generation,
    memoryBytes: machine.memoryBytes ?? options.memoryBytes,
    processorCount: machine.processors ?? options.processorCount,
    ...(switchId !== undefined && { switchId }),
    ...(secureBoot !== undefined && { secureBoot }),
    ...(machine.tpm === true && { hasTpm: true }),
    ...(machine.nested === true && { isNested: true }),
  };
}

/** Whether a machine made for one is right for the other. */
export function sameSpec(one: MachineSpec, other: MachineSpec): boolean {
  const keys = new Set([...Object.keys(one), ...Object.keys(other)]) as Set<keyof MachineSpec>;
  return [...keys].every((key) => one[key] === other[key]);
}

function secureBootOf(system: GuestOs, { secureBoot }: MachineSettings): MachineSpec['secureBoot'] {
  if (secureBoot === 'off') return undefined;
  const isWindows = secureBoot === undefined ? system === 'windows' : secureBoot === 'windows';
  return isWindows ? 'MicrosoftWindows' : 'MicrosoftUEFICertificateAuthority';
}

function refuseImpossible(generation: 1 | 2, { tpm, secureBoot }: MachineSettings): void {
  if (generation === 2) return;
  const what = tpm ? 'TPM' : secureBoot !== undefined && secureBoot !== 'off' ? 'secure boot' : undefined;
  if (what !== undefined) throw new HyperfileError('HYPERV_GENERATION', { data: { what } });
}

/** Windows gives it this on every client edition, whatever its name is in the host's language. */
const DEFAULT_SWITCH_ID = 'c08cb7b8-9b3c-408e-8e30-5e16a3aeb444';

/**
 * The switch that machines are connected to: the one that was named, else the Default Switch, else the only one there is.
 * A host without any gives none: its guests have no network.
 *
 * @throws HyperfileError HYPERV_SWITCH when it is not there, or when there are several to choose from
 */
export async function chooseSwitch(
  host: HyperVHost,
  { store, wanted, signal }: { store: string; wanted?: string; signal?: AbortSignal },
): Promise<string | undefined> {
  const { switches } = await host.facts(store, signal);
  const has = (text: string) => (one: VirtualSwitch) => [one.id, one.name].some((own) => isSame(own, text));
  if (wanted !== undefined) {
    const found = switches.find(has(wanted));
    if (found === undefined) throw switchError(`there is no virtual switch "${wanted}"`, switches);
    return found.id;
  }
  const found = switches.find(has(DEFAULT_SWITCH_ID)) ?? switches[0];
  if (found === undefined || isSame(found.id, DEFAULT_SWITCH_ID) || switches.length === 1) return found?.id;
  throw switchError('there are several virtual switches and none is the default', switches);
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function switchError(problem: string, switches: readonly VirtualSwitch[]): HyperfileError {
  const names = switches.map(({ name }) => name).join(', ');
  return new HyperfileError('HYPERV_SWITCH', { data: { problem, switches: names || 'none' } });
}
