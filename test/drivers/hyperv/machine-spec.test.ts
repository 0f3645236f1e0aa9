/** Which machine a step gets. */
import { expect, test } from 'vitest';
import type { HyperVHost, VirtualSwitch } from '../../../src/drivers/hyperv/host.ts';
import {
  chooseSwitch,
  machineSpec,
  sameSpec,
  type SpecRequest,
} from '../../../src/drivers/hyperv/machine-spec.ts';
import { parseHyperVOptions } from '../../../src/drivers/hyperv/options.ts';

const GIB = 1024 ** 3;
const WINDOWS: SpecRequest = { system: 'windows', table: 'gpt', options: parseHyperVOptions() };

test('a recipe that asks for nothing gets what suits its guest', () => {
  expect(machineSpec(WINDOWS)).toEqual({
    generation: 2,
    memoryBytes: 2 * GIB,
    processorCount: 2,
    secureBoot: 'MicrosoftWindows',
  });
  expect(machineSpec({ ...WINDOWS, system: 'linux' }).secureBoot).toBe('MicrosoftUEFICertificateAuthority');
  expect(machineSpec({ ...WINDOWS, table: 'mbr' })).toMatchObject({ generation: 1 });
  expect(machineSpec({ ...WINDOWS, table: 'mbr' }).secureBoot).toBeUndefined();
});

test('the recipe goes before the options, and those before what is usual', () => {
  const options = parseHyperVOptions({ memory: '8G', cpus: '6' });
  expect(machineSpec({ ...WINDOWS, options })).toMatchObject({ memoryBytes: 8 * GIB, processorCount: 6 });
  const machine = { memoryBytes: GIB, processors: 1, secureBoot: 'others', tpm: true, nested: true } as const;
  expect(machineSpec({ ...WINDOWS, options, machine })).toEqual({
    generation: 2,
    memoryBytes: GIB,
    processorCount: 1,
    secureBoot: 'MicrosoftUEFICertificateAuthority',
    hasTpm: true,
    isNested: true,
  });
  expect(machineSpec({ ...WINDOWS, machine: { secureBoot: 'off' } }).secureBoot).toBeUndefined();
});

test('what a machine of generation 1 has not is refused, not left out', () => {
  const old = { ...WINDOWS, table: 'mbr' } as const;
  expect(() => machineSpec({ ...old, machine: { tpm: true } })).toThrow(
    'a machine of generation 1 has no TPM',
  );
  expect(() => machineSpec({ ...old, machine: { secureBoot: 'windows' } })).toThrow('has no secure boot');
  expect(machineSpec({ ...old, machine: { tpm: true, generation: 2 } })).toMatchObject({ hasTpm: true });
});

test('machines are the same when nothing about them differs, given or not', () => {
  const spec = machineSpec(WINDOWS);
  expect(sameSpec(spec, machineSpec(WINDOWS))).toBe(true);
  expect(sameSpec(spec, { ...spec, switchId: 'a' })).toBe(false);
  expect(sameSpec({ ...spec, hasTpm: true }, spec)).toBe(false);
});

const DEFAULT: VirtualSwitch = {
  id: 'c08cb7b8-9b3c-408e-8e30-5e16a3aeb444',
  name: 'Standardswitch',
  type: 'Internal',
};
const LAB: VirtualSwitch = { id: '11111111-2222-3333-4444-555555555555', name: 'Lab', type: 'External' };
const OTHER: VirtualSwitch = { id: '99999999-2222-3333-4444-555555555555', name: 'Other', type: 'Private' };

function chosen(switches: VirtualSwitch[], wanted?: string): Promise<string | undefined> {
  const host = { facts: () => Promise.resolve({ switches }) } as unknown as HyperVHost;
  return chooseSwitch(host, { store: '', ...(wanted !== undefined && { wanted }) });
}

test('the switch is the one that is named, else the default one, else the only one', async () => {
  expect(await chosen([LAB, DEFAULT], 'lab')).toBe(LAB.id);
  expect(await chosen([LAB, DEFAULT], LAB.id.toUpperCase())).toBe(LAB.id);
  expect(await chosen([LAB, DEFAULT])).toBe(DEFAULT.id);
  expect(await chosen([LAB])).toBe(LAB.id);
  expect(await chosen([])).toBeUndefined();
});

test('a switch that is not there, and a choice between several, are errors that name them', async () => {
  await expect(chosen([LAB], 'Lob')).rejects.toThrow('there is no virtual switch "Lob"; this host has: Lab');
  await expect(chosen([LAB, OTHER])).rejects.toMatchObject({ code: 'HYPERV_SWITCH', exitStatus: 2 });
});

test('options that the driver does not know are refused', () => {
  expect(parseHyperVOptions({ seal: 'checkpoint', 'boot-timeout': '90s' })).toMatchObject({
    seal: 'checkpoint',
    bootTimeoutMs: 90_000,
    stopTimeoutMs: 300_000,
  });
  expect(() => parseHyperVOptions({ memry: '2G' })).toThrow('it has no option "memry"');
  expect(() => parseHyperVOptions({ seal: 'checkpont' })).toThrow('it takes shutdown or checkpoint');
});
