/** The operations on the host, in the real PowerShell against the stand-in of Hyper-V. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { HyperVHost, type NewMachine } from '../../../src/drivers/hyperv/host.ts';
import { PowerShellSession } from '../../../src/drivers/hyperv/session/session.ts';
import { createChild } from '../../../src/vhdx/create.ts';
import { describeWith } from '../../support/needs.ts';
import { GIB } from '../../support/powershell/standin/host/faults.ts';
import { startStandIn, STANDIN_NEEDS, type StandIn } from '../../support/powershell/standin/standin.ts';
import { makeWindowsDisk } from '../../support/powershell/standin/windows-disk.ts';
import { switchOn } from './switch-on.ts';

const MARK = 'store-1';
const MIB = 1024 ** 2;
const WAIT = { timeout: 60_000, interval: 10 };

describeWith(STANDIN_NEEDS, 'operations on the host', () => {
  let bases: string;
  let folder: string;
  let standIn: StandIn;
  let session: PowerShellSession;
  let host: HyperVHost;

  beforeAll(async () => {
    bases = mkdtempSync(path.join(os.tmpdir(), 'hyperv-bases-'));
    await makeWindowsDisk(path.join(bases, 'windows.vhdx'), { files: { 'readme.txt': 'hello' } });
    await makeWindowsDisk(path.join(bases, 'linux.vhdx'), { fileSystem: 'ext4' });
    standIn = await startStandIn();
    session = newSession();
    host = new HyperVHost(session, MARK);
  });
  afterAll(async () => {
    await session.close();
    await standIn.stop();
    rmSync(bases, { recursive: true });
  });
  beforeEach(() => {
    // What paths of people look like.
    folder = path.join(mkdtempSync(path.join(os.tmpdir(), 'hyperv-host-')), "it's [a] $store 日本");
    mkdirSync(folder);
    for (const name of ['windows', 'linux'])
      copyFileSync(path.join(bases, `${name}.vhdx`), inStore(`${name}.vhdx`));
  });
  afterEach(async () => {
    Object.assign(standIn.host.faults, {
      accessDenied: false,
      freeMemoryBytes: 16 * GIB,
      volumesAppearAfterMs: 0,
      numbersAppearAfterMs: 0,
    });
    Object.assign(standIn.host.guest, { heartbeatAfterMs: 0, shutdownTakesMs: 0 });
    standIn.host.faults.failNext.clear();
    const left = standIn.host.leftovers();
    await standIn.host.restart();
    standIn.host.machines.clear();
    rmSync(path.dirname(folder), { recursive: true });
    expect(left).toEqual({ machines: [], disks: [], sessions: 0 });
  });

  function newSession(): PowerShellSession {
    return new PowerShellSession({ executable: standIn.executable, env: standIn.environment });
  }

  function inStore(name: string): string {
    return path.join(folder, name);
  }

  /** A difference of the base, as a step's sandbox is. */
  function sandbox(base = 'windows.vhdx', name = 'sandbox.vhdx'): string {
    createChild(inStore(name), inStore(base), { blockBytes: MIB });
    return inStore(name);
  }

  function machineOn(diskPath: string): NewMachine {
    return { folder: inStore('machines'), diskPath, memoryBytes: 512 * MIB, processorCount: 2 };
  }

  test('the host says what it has', async () => {
    const facts = await host.facts(path.join(folder, 'not', 'made', 'yet'));
    expect(facts).toMatchObject({
      edition: 'Core',
      failure: null,
      moduleVersion: '2.0.0.0',
      machineVersion: '12.0',
      processors: 8,
      switches: [{ id: 'c08cb7b8-9b3c-408e-8e30-5e16a3aeb444', name: 'Default Switch', type: 'Internal' }],
      store: { folder, isCompressed: false, isEncrypted: false, unusableFiles: [] },
    });
    expect(facts.store.freeBytes).toBeGreaterThan(0);
  });

  test('a host that refuses, or has no Hyper-V, is described and not an error', async () => {
    standIn.host.faults.accessDenied = true;
    const refused = await host.facts(folder);
    expect(refused).toMatchObject({ failure: { category: 'PermissionDenied' }, switches: [] });
    await using bare = new PowerShellSession({ executable: standIn.executable, env: { PSModulePath: '' } });
    const missing = await new HyperVHost(bare, MARK).facts(folder);
    expect(missing.failure?.id).toMatch(/^CouldNotAutoLoadModule/);
  });

  test("a disk's Windows volume appears as a folder, is written to, and goes without a trace", async () => {
    const disk = sandbox();
    const place = inStore('mounted');
    const volume = await host.mountDisk(disk, place);
    expect(volume).toMatchObject({ folder: place, partitionNumber: 3, offset: 21 * MIB, fileSystem: 'NTFS' });
    expect(readFileSync(path.join(place, 'readme.txt'), 'utf8')).toBe('hello');
    writeFileSync(path.join(place, 'new.txt'), 'new');
    expect(standIn.host.storage.disks().flatMap(({ letters }) => [...letters.values()])).toEqual([]);
    await host.dismountDisk(disk);
    expect(existsSync(place)).toBe(false);
    await host.mountDisk(disk, place, { isReadOnly: true });
    expect(readFileSync(path.join(place, 'new.txt'), 'utf8')).toBe('new');
    await host.dismountDisk(disk);
    // Once more, and for a disk that never was.
    await host.dismountDisk(disk);
    await host.dismountDisk(inStore('nothing.vhdx'));
  });

  test('volumes that Windows takes its time to find are waited for', async () => {
    standIn.host.faults.volumesAppearAfterMs = 1500;
    // Without a number, and not with that of the host's own disk.
    standIn.host.faults.numbersAppearAfterMs = 700;
    const place = inStore('mounted');
    await host.mountDisk(sandbox(), place);
    await host.dismountDisk(inStore('sandbox.vhdx'));
  });

  test('a disk without a Windows that the host can read is refused by name and not mounted', async () => {
    await expect(host.mountDisk(sandbox('linux.vhdx'), inStore('mounted'))).rejects.toMatchObject({
      code: 'DRIVER_ROOT_NOT_FOUND',
      message: `no root file system was found on ${inStore('sandbox.vhdx')}`,
    });
    expect(existsSync(inStore('mounted'))).toBe(false);
  });

  test.each(['Get-VHD', 'Get-Partition', 'Get-Volume', 'Add-PartitionAccessPath'])(
    'when %s fails under a mount, nothing stays mounted',
    async (cmdlet) => {
      const disk = sandbox();
      // So early that the disk has no number yet.
      if (cmdlet === 'Get-VHD') standIn.host.faults.numbersAppearAfterMs = 60_000;
      standIn.host.faults.failNext.set(cmdlet, 'operationFailed');
      await expect(host.mountDisk(disk, inStore('mounted'))).rejects.toMatchObject({
        code: 'POWERSHELL_FAILED',
      });
      expect(existsSync(inStore('mounted'))).toBe(false);
    },
  );

  test('a disk in use is in use', async () => {
    const machine = await host.newMachine(machineOn(sandbox()));
    await switchOn(host, machine.id);
    await expect(host.mountDisk(inStore('sandbox.vhdx'), inStore('mounted'))).rejects.toMatchObject({
      code: 'HYPERV_IN_USE',
    });
    await host.removeMachine(machine.id);
  });

  test('a machine is made as asked, started, waited for, shut down, given another disk and removed', async () => {
    const disk = sandbox();
    const machine = await host.newMachine({
      ...machineOn(disk),
      switchId: 'c08cb7b8-9b3c-408e-8e30-5e16a3aeb444',
      secureBoot: 'MicrosoftWindows',
      hasTpm: true,
      isNested: true,
    });
    expect(machine).toMatchObject({ state: 'Off', heartbeat: null, generation: 2, disks: [disk] });
    const made = standIn.host.machines.get(machine.id)!;
    expect(made).toMatchObject({
      processors: 2,
      memoryStartupBytes: 512 * MIB,
      dynamicMemory: false,
      startAction: 'Nothing',
      stopAction: 'TurnOff',
      automaticCheckpoints: false,
      checkpointType: 'Disabled',
      secureBoot: 'On',
      tpm: true,
      nested: true,
    });
    expect(made.name).toMatch(new RegExp(`^hyperfile_${MARK}_${process.pid}\\.\\d+_[0-9a-f]{8}$`));
    expect(made.adapters.map(({ switchName }) => switchName)).toEqual(['Default Switch']);

    const { guest } = standIn.host;
    guest.heartbeatAfterMs = Infinity;
    await switchOn(host, machine.id);
    const statuses: string[] = [];
    const there = await host.waitForMachine(machine.id, 'Heartbeat', {
      timeoutMs: 60_000,
      onEvent: (event) => {
        if (event.kind !== 'progress') return;
        statuses.push(event.status);
        if (event.status === 'Running NoContact') guest.heartbeatAfterMs = 0;
      },
    });
    expect(there).toMatchObject({ isReached: true, state: 'Running', heartbeat: 'OkApplicationsHealthy' });
    expect(statuses).toContain('Running NoContact');
    expect(await host.stopMachine(machine.id, 30_000)).toEqual({ isGraceful: true });
    expect(await host.waitForMachine(machine.id, 'Off', { timeoutMs: 10_000 })).toMatchObject({
      isReached: true,
    });

    const next = sandbox('windows.vhdx', 'next.vhdx');
    await host.setMachineDisk(machine.id, next);
    expect((await host.machine(machine.id)).disks).toEqual([next]);
    await host.removeMachine(machine.id);
    await host.removeMachine(machine.id);
    await expect(host.machine(machine.id)).rejects.toMatchObject({ code: 'HYPERV_NOT_FOUND' });
    expect(existsSync(disk)).toBe(true);
  });

  test('a guest that Hyper-V loses patience with has not shut down', async () => {
    const { guest } = standIn.host;
    Object.assign(guest, { shutdownTakesMs: 600_000, powerLostAfterMs: 30_000 });
    try {
      const machine = await host.newMachine(machineOn(sandbox()));
      await switchOn(host, machine.id);
      const stopping = host.stopMachine(machine.id, 600_000, { requestMs: 500 });
      expect(await stopping).toEqual({ isGraceful: false });
      await host.removeMachine(machine.id);
    } finally {
      guest.powerLostAfterMs = 300_000;
    }
  });

  test('a guest that does not shut down in time loses its power, one that never answers too', async () => {
    standIn.host.guest.shutdownTakesMs = 600_000;
    const machine = await host.newMachine(machineOn(sandbox()));
    await switchOn(host, machine.id);
    expect(await host.stopMachine(machine.id, 500)).toEqual({ isGraceful: false });
    expect(await host.machine(machine.id)).toMatchObject({ state: 'Off' });
    standIn.host.guest.heartbeatAfterMs = Infinity;
    await switchOn(host, machine.id);
    expect(await host.waitForMachine(machine.id, 'Heartbeat', { timeoutMs: 300 })).toMatchObject({
      isReached: false,
      state: 'Running',
    });
    expect(await host.stopMachine(machine.id, 500)).toEqual({ isGraceful: false });
    // Without power there is no guest to wait for.
    expect(await host.waitForMachine(machine.id, 'Heartbeat', { timeoutMs: 600_000 })).toMatchObject({
      isReached: false,
      state: 'Off',
    });
    await host.removeMachine(machine.id);
  });

  test.each(['objectNotFound', 'invalidParameter'] as const)(
    'a machine is only gone when it is in no list, whatever Get-VM says of it (%s)',
    async (kind) => {
      const machine = await host.newMachine(machineOn(sandbox()));
      standIn.host.faults.failNext.set('Get-VM', kind);
      await host.removeMachine(machine.id);
      expect(standIn.host.machines.size).toBe(0);
      standIn.host.faults.failNext.set('Get-VM', kind);
      await host.removeMachine(machine.id);
    },
  );

  test('a machine of somebody else that goes while all are listed keeps nobody from listing them', async () => {
    standIn.host.faults.failNext.set('Get-VM', 'objectNotFound');
    expect(await host.leftovers()).toEqual([]);
    standIn.host.faults.failNext.set('Get-VM', 'accessDenied');
    await expect(host.leftovers()).rejects.toMatchObject({ code: 'HYPERV_RIGHTS' });
  });

  test('a machine without memory for it does not start, and says so', async () => {
    standIn.host.faults.freeMemoryBytes = 128 * MIB;
    const machine = await host.newMachine(machineOn(sandbox()));
    await expect(switchOn(host, machine.id)).rejects.toMatchObject({ code: 'HYPERV_MEMORY' });
    await host.removeMachine(machine.id);
  });

  test.each(['Set-VM', 'Set-VMFirmware', 'Get-VMHardDiskDrive', 'Set-VMKeyProtector', 'Enable-VMTPM'])(
    'when %s fails, no half-made machine is left',
    async (cmdlet) => {
      const disk = sandbox();
      standIn.host.faults.failNext.set(cmdlet, 'accessDenied');
      await expect(host.newMachine({ ...machineOn(disk), hasTpm: true })).rejects.toMatchObject({
        code: 'HYPERV_RIGHTS',
      });
    },
  );

  test('what a killed command left is found by the next one, and nothing else', async () => {
    const disks = [
      sandbox('windows.vhdx', 'a.vhdx'),
      sandbox('windows.vhdx', 'b.vhdx'),
      sandbox('windows.vhdx', 'c.vhdx'),
    ];
    const ours = await host.newMachine(machineOn(disks[0]));
    const others = await new HyperVHost(session, 'store-2').newMachine(machineOn(disks[1]));
    const theirs = spawn(process.execPath, ['-e', 'setTimeout(() => undefined, 600_000)']);
    const [left] = (await session.call('New-HyperfileMachine', {
      Mark: MARK,
      OwnerProcessId: theirs.pid!,
      Folder: inStore('machines'),
      DiskPath: disks[2],
      MemoryBytes: 512 * MIB,
      ProcessorCount: 1,
    })) as { id: string; name: string }[];
    await switchOn(host, left.id);
    // Names that only begin like ours, as a person may give them.
    const copy = standIn.host.machines.get(left.id)!;
    const copyId = randomUUID();
    standIn.host.machines.set(copyId, {
      ...copy,
      id: copyId,
      name: `${copy.name} (2)`,
      running: undefined,
      state: 'Off',
    });
    try {
      expect(await host.leftovers()).toEqual([]);
      const gone = new Promise((resolve) => theirs.on('exit', resolve));
      theirs.kill('SIGKILL');
      await gone;
      expect(await host.leftovers()).toEqual([
        { id: left.id, name: left.name, state: 'Running', disks: [disks[2]] },
      ]);
    } finally {
      standIn.host.machines.delete(copyId);
      for (const { id } of [ours, others, left]) await host.removeMachine(id);
    }
  });

  test('an operation that is cancelled leaves PowerShell, and the next command removes what it made', async () => {
    standIn.host.faults.latencyMs = 300;
    const cancelling = new AbortController();
    const disk = sandbox();
    const call = host.newMachine(machineOn(disk), cancelling.signal);
    while (standIn.host.machines.size === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    cancelling.abort();
    await expect(call).rejects.toMatchObject({ code: 'INTERRUPTED' });
    standIn.host.faults.latencyMs = 0;
    // This process still runs: what it made is its own to remove.
    expect(await host.leftovers()).toEqual([]);
    for (const id of [...standIn.host.machines.keys()]) await host.removeMachine(id);
  });

  test('a machine that a cancelled operation was starting is removed as soon as it has started', async () => {
    const { faults, calls, machines } = standIn.host;
    const { id } = await host.newMachine(machineOn(sandbox()));
    let start = (): void => undefined;
    faults.machinesStart = new Promise((resolve) => (start = resolve));
    const cancelling = new AbortController();
    const wait = { timeoutMs: 600_000, isOff: true, signal: cancelling.signal };
    const call = host.waitForMachine(id, 'Heartbeat', wait);
    await vi.waitUntil(() => machines.get(id)?.state === 'Starting', WAIT);
    cancelling.abort();
    await expect(call).rejects.toMatchObject({ code: 'INTERRUPTED' });
    calls.length = 0;
    const removed = host.removeMachine(id).finally(start);
    // It has looked, seen that the machine is on its way, and looks again.
    await Promise.race([
      removed,
      vi.waitUntil(() => calls.filter((name) => name === 'Get-VM').length > 2, WAIT),
    ]);
    start();
    faults.machinesStart = undefined;
    await removed;
    expect(machines.size).toBe(0);
  });
});
