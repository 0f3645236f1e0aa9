/** Windows from its media, in the real PowerShell against the stand-in: real ISO and WIM files, real NTFS and FAT32. */
import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Progress } from '../../../src/base/events.ts';
import { openSession, staleSessions, type Session } from '../../../src/base/session.ts';
import type { InstallRequest } from '../../../src/drivers/driver.ts';
import { HyperVHost } from '../../../src/drivers/hyperv/host.ts';
import { chooseEdition } from '../../../src/drivers/hyperv/install/edition.ts';
import { installWindows } from '../../../src/drivers/hyperv/install/install.ts';
import { dismountLeftMedium } from '../../../src/drivers/hyperv/install/media.ts';
import { InstallOperations } from '../../../src/drivers/hyperv/install/operations.ts';
import { cleanLeftovers } from '../../../src/drivers/hyperv/leftovers.ts';
import { PowerShellSession } from '../../../src/drivers/hyperv/session/session.ts';
import { PARTITION_TYPE } from '../../../src/gpt/format.ts';
import { readPartitions } from '../../../src/gpt/read.ts';
import { openChain } from '../../../src/vhdx/chain.ts';
import { describeWith } from '../../support/needs.ts';
import { startStandIn, type StandIn } from '../../support/powershell/standin/standin.ts';
import { makeWindowsMedium, MEDIUM_NEEDS } from '../../support/powershell/standin/windows-medium.ts';
import { isAlive } from './session/support.ts';

const MARK = 'store-1';
const MIB = 1024 ** 2;
const UNATTEND =
  '<?xml version="1.0" encoding="utf-8"?>\n<unattend xmlns="urn:schemas-microsoft-com:unattend"/>\n';

const matching = (text: RegExp): string => expect.stringMatching(text) as string;

describeWith(MEDIUM_NEEDS, 'Windows from its medium', () => {
  let media: string;
  let standIn: StandIn;
  let powershell: PowerShellSession;
  let host: HyperVHost;
  let operations: InstallOperations;
  let folder: string;
  let session: Session;

  beforeAll(async () => {
    media = mkdtempSync(path.join(os.tmpdir(), 'hyperv-media-'));
    await makeWindowsMedium(path.join(media, 'windows.iso'));
    standIn = await startStandIn();
    powershell = new PowerShellSession({ executable: standIn.executable, env: standIn.environment });
    host = new HyperVHost(powershell, MARK);
    operations = new InstallOperations(powershell);
  });
  afterAll(async () => {
    await powershell.close();
    await standIn.stop();
    rmSync(media, { recursive: true });
  });
  beforeEach(() => {
    folder = path.join(mkdtempSync(path.join(os.tmpdir(), 'hyperv-install-')), "it's [a] $store 日本");
    mkdirSync(folder);
    copyFileSync(path.join(media, 'windows.iso'), inStore('windows.iso'));
    session = openSession(folder);
  });
  afterEach(async () => {
    session.close();
    standIn.host.faults.failNext.clear();
    const left = standIn.host.leftovers();
    await standIn.host.restart();
    const run = readdirSync(path.join(folder, 'run'));
    rmSync(path.dirname(folder), { recursive: true });
    expect(left).toEqual({ machines: [], disks: [], sessions: 0 });
    expect(run).toEqual([]);
  });

  function inStore(name: string): string {
    return path.join(folder, name);
  }

  function request(more: Partial<InstallRequest> = {}): InstallRequest {
    const onProgress = (): void => undefined;
    return {
      path: inStore('base.vhdx'),
      sizeBytes: 400 * MIB,
      mediumPath: inStore('windows.iso'),
      edition: 'windows 11 pro',
      onProgress,
      ...more,
    };
  }

  function install(more: Partial<InstallRequest> = {}) {
    const parts = { host, operations, session, folder: path.join(session.folder, 'volume') };
    return installWindows(request(more), parts);
  }

  /** What lies on the Windows volume of the new disk. */
  async function read(...names: readonly string[]): Promise<(string | undefined)[]> {
    const place = inStore('mounted');
    await host.mountDisk(inStore('base.vhdx'), place, { isReadOnly: true });
    try {
      return names.map((name) =>
        existsSync(path.join(place, name)) ? readFileSync(path.join(place, name), 'utf8') : undefined,
      );
    } finally {
      await host.dismountDisk(inStore('base.vhdx'));
    }
  }

  function efiFile(name: string): string {
    const disk = openChain(inStore('base.vhdx'));
    const [efi] = readPartitions(disk);
    const bytes = Buffer.alloc(efi.length);
    disk.read(bytes, efi.offset);
    disk.close();
    writeFileSync(inStore('efi.raw'), bytes);
    return execFileSync('mcopy', ['-i', inStore('efi.raw'), `::${name}`, '-'], { encoding: 'utf8' });
  }

  test('is a disk with three partitions, the image, a boot loader that finds it, and the answers', async () => {
    writeFileSync(inStore('answers [1].xml'), UNATTEND);
    const progress: Progress[] = [];
    const root = await install({
      unattendPath: inStore('answers [1].xml'),
      onProgress: (event) => void progress.push(event),
    });
    const disk = openChain(inStore('base.vhdx'));
    const partitions = readPartitions(disk);
    disk.close();
    expect(disk.layers[0].metadata).toMatchObject({ hasParent: false, leaveBlocksAllocated: false });
    expect(disk.layers[0].replayedLog ?? false).toBe(false);
    expect(partitions.map(({ type, length }) => [type, length / MIB])).toEqual([
      [PARTITION_TYPE.efiSystem, 260],
      [PARTITION_TYPE.microsoftReserved, 16],
      [PARTITION_TYPE.microsoftBasicData, 122],
    ]);
    expect(root).toEqual({ offset: partitions[2].offset, length: partitions[2].length, type: 'ntfs' });
    expect(await read('Windows/System32/edition.txt', 'Windows/Panther/unattend.xml')).toEqual([
      'Windows 11 Pro',
      UNATTEND,
    ]);
    expect(efiFile('/EFI/Microsoft/Boot/BCD')).toBe(`osdevice=${partitions[2].id}\n`);
    expect(efiFile('/EFI/Boot/bootx64.efi')).toBe('boot loader of Windows 11 Pro');
    expect(progress.at(-1)).toMatchObject({ unit: 'bytes', done: progress.at(-1)?.total });
  });

  test.each(['esd', 'swm'] as const)('is installed from install.%s: solid, or in parts', async (image) => {
    const noise = randomBytes(2 * MIB);
    const files = { 'Windows/noise.bin': noise, 'Windows/more.bin': Buffer.from(noise).reverse() };
    await makeWindowsMedium(inStore('other.iso'), { image, files });
    if (image === 'swm')
      expect(execFileSync('7zz', ['l', inStore('other.iso')], { encoding: 'utf8' })).toContain(
        'install2.swm',
      );
    await install({ mediumPath: inStore('other.iso'), edition: '2' });
    expect(await read('Windows/System32/edition.txt')).toEqual(['Windows 11 Pro']);
    const place = inStore('mounted');
    await host.mountDisk(inStore('base.vhdx'), place, { isReadOnly: true });
    const [one, two] = Object.keys(files).map((name) => readFileSync(path.join(place, name)));
    await host.dismountDisk(inStore('base.vhdx'));
    expect(one.equals(noise)).toBe(true);
    expect(two.equals(files['Windows/more.bin'])).toBe(true);
  });

  test('without answers has none, and its only edition needs no name', async () => {
    await makeWindowsMedium(inStore('one.iso'), { editions: ['Windows Server 2025'] });
    const { edition: _, ...rest } = request({ mediumPath: inStore('one.iso') });
    const parts = { host, operations, session, folder: path.join(session.folder, 'volume') };
    await installWindows(rest, parts);
    expect(await read('Windows/System32/edition.txt', 'Windows/Panther/unattend.xml')).toEqual([
      'Windows Server 2025',
      undefined,
    ]);
  });

  async function refused(more: Partial<InstallRequest>, expected: object): Promise<void> {
    await expect(install(more)).rejects.toMatchObject(expected);
    expect(existsSync(inStore('base.vhdx'))).toBe(false);
    expect(standIn.host.leftovers()).toEqual({ machines: [], disks: [], sessions: 0 });
  }

  test('is refused where the medium, the edition, the answers or the size of the disk will not do', async () => {
    await makeWindowsMedium(inStore('music.iso'), { image: 'none' });
    await refused(
      { mediumPath: inStore('music.iso') },
      { code: 'INSTALL_MEDIUM', message: matching(/install\.wim, install\.esd, install\.swm/) },
    );
    await refused(
      { edition: 'Windows 11 Prp' },
      {
        code: 'INSTALL_EDITION_UNKNOWN',
        message: `${inStore('windows.iso')} has no edition "Windows 11 Prp", did you mean "Windows 11 Pro"?; it has 1 "Windows 11 Home", 2 "Windows 11 Pro"`,
      },
    );
    writeFileSync(inStore('bad.xml'), '<unattend><unattend>');
    await refused({ unattendPath: inStore('bad.xml') }, { code: 'INSTALL_UNATTEND' });
    writeFileSync(inStore('bad.xml'), '<project/>');
    await refused(
      { unattendPath: inStore('bad.xml') },
      { code: 'INSTALL_UNATTEND', message: matching(/its root is not <unattend/) },
    );
    await refused({ sizeBytes: 300 * MIB }, { code: 'FS_DISK_TOO_SMALL' });
    const files = { 'Windows/large.bin': Buffer.alloc(70 * MIB, 1) };
    await makeWindowsMedium(inStore('large.iso'), { files });
    await refused(
      { mediumPath: inStore('large.iso') },
      { code: 'INSTALL_DISK_SIZE', data: { what: 'Windows 11 Pro', sizeBytes: 400 * MIB } },
    );
    // No answer file fetches anything from elsewhere.
    const entity = '<!DOCTYPE unattend [<!ENTITY x SYSTEM "file:///etc/hostname">]>';
    writeFileSync(
      inStore('bad.xml'),
      `${entity}<unattend xmlns="urn:schemas-microsoft-com:unattend">&x;</unattend>`,
    );
    await install({ unattendPath: inStore('bad.xml') });
  });

  test('is never written over a disk that is there', async () => {
    writeFileSync(inStore('base.vhdx'), 'mine');
    await expect(install()).rejects.toMatchObject({ code: 'DISK_EXISTS' });
    expect(readFileSync(inStore('base.vhdx'), 'utf8')).toBe('mine');
  });

  test('a failure of DISM carries its HRESULT, and one of bcdboot what it said', async () => {
    standIn.host.faults.failNext.set('Expand-WindowsImage', 'dismDiskFull');
    await refused(
      {},
      {
        code: 'INSTALL_IMAGE',
        message: matching(/\[0x80070070\]$/),
        data: { hresult: '0x80070070' },
      },
    );
    standIn.host.faults.failNext.set('Get-WindowsImage', 'dismInvalidData');
    await refused({}, { code: 'INSTALL_IMAGE', data: { hresult: '0x8007000D' } });
    for (const [bcdboot, said] of [
      [
        '#!/bin/sh\necho "Failure when"\necho "attempting to copy." >&2\nexit 15\n',
        /status 15: Failure when attempting to copy\.$/,
      ],
      ['MZ no program of this system', /bcdboot ended with status \d+: ./],
    ] as const) {
      await makeWindowsMedium(inStore('broken.iso'), { bcdboot });
      await refused({ mediumPath: inStore('broken.iso') }, { code: 'INSTALL_BOOT', message: matching(said) });
      rmSync(inStore('broken.iso'));
    }
  });

  test.each([
    'Get-DiskImage',
    'Mount-DiskImage',
    'Get-WindowsImage',
    'Mount-VHD',
    'Get-VHD',
    'Get-Disk',
    'Format-Volume',
    'Add-PartitionAccessPath',
    'Set-Partition',
  ])('when %s fails, nothing is left', async (cmdlet) => {
    standIn.host.faults.failNext.set(cmdlet, 'operationFailed');
    await refused({}, { code: matching(/^(POWERSHELL_FAILED|INSTALL_IMAGE)$/) });
    expect(readdirSync(folder).sort()).toEqual(['run', 'windows.iso']);
    expect(readdirSync(session.folder)).toEqual([]);
  });

  test('that is interrupted leaves nothing', async () => {
    const stop = new AbortController();
    const installing = install({ signal: stop.signal, onProgress: () => stop.abort() });
    await expect(installing).rejects.toMatchObject({ code: 'INTERRUPTED' });
    expect(readdirSync(folder).sort()).toEqual(['run', 'windows.iso']);
    expect(readdirSync(session.folder)).toEqual([]);
  });

  test('a medium that somebody else has mounted stays mounted', async () => {
    await standIn.host.media.mount(inStore('windows.iso'));
    await install();
    expect(standIn.host.leftovers().disks).toEqual([inStore('windows.iso')]);
    standIn.host.media.dismount(inStore('windows.iso'));
  });

  test('a medium that a killed command has left is dismounted by whoever has it next', async () => {
    const dead = path.join(folder, 'run', 'dead');
    mkdirSync(dead);
    writeFileSync(path.join(dead, 'medium'), inStore('windows.iso'));
    await standIn.host.media.mount(inStore('windows.iso'));
    let cleaning: Promise<void> | undefined;
    await install({
      // Whoever cleans up meanwhile does not wait for the end of this, and takes nothing away from it.
      onProgress: () => {
        cleaning ??= dismountLeftMedium(operations, dead);
      },
    });
    await cleaning;
    expect(standIn.host.leftovers().disks).toEqual([]);
    rmSync(dead, { recursive: true });
  });

  test('two at a time take turns with one medium', async () => {
    const other = openSession(folder);
    const parts = { host, operations, session: other, folder: path.join(other.folder, 'volume') };
    const second = installWindows(request({ path: inStore('second.vhdx'), edition: '1' }), parts);
    await Promise.all([install(), second]);
    other.close();
    expect(await read('Windows/System32/edition.txt')).toEqual(['Windows 11 Pro']);
  });

  test('volumes that Windows takes its time to find are waited for', async () => {
    standIn.host.faults.volumesAppearAfterMs = 700;
    await install().finally(() => (standIn.host.faults.volumesAppearAfterMs = 0));
  });

  test('killed at any moment leaves what the next command removes, and the medium', async () => {
    const state = inStore('state');
    const whole = await killed(state, Infinity);
    expect(readdirSync(state).filter((name) => name !== 'run')).toEqual(['base.vhdx']);
    rmSync(path.join(state, 'base.vhdx'));
    const calls = [...new Set(whole)].map((cmdlet) => whole.indexOf(cmdlet) + 1);
    expect(calls.length).toBeGreaterThan(12);
    // When the last one is asked, all is done.
    for (const lastCall of calls.slice(0, -1)) {
      await killed(state, lastCall);
      const stale = staleSessions(state);
      for (const { folder: left } of stale) await dismountLeftMedium(operations, left);
      await cleanLeftovers(host, stale);
      expect(standIn.host.leftovers(), whole[lastCall - 1]).toEqual({ machines: [], disks: [], sessions: 0 });
      expect(readdirSync(path.join(state, 'run'))).toEqual([]);
      expect(readdirSync(state)).toEqual(['run']);
    }
    expect(existsSync(inStore('windows.iso'))).toBe(true);
  });

  /** Runs an installation until its host has been asked so often; returns what it was asked. */
  async function killed(state: string, lastCall: number): Promise<string[]> {
    standIn.host.calls.length = 0;
    const script = path.join(import.meta.dirname, 'killed-install.ts');
    const child = spawn(process.execPath, [script, state, inStore('windows.iso'), MARK], {
      env: { ...process.env, ...standIn.environment },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    let hasEnded = false;
    const ended = new Promise<number | null>((resolve) =>
      child.on('exit', (status) => {
        hasEnded = true;
        resolve(status);
      }),
    );
    while (!hasEnded && standIn.host.calls.length < lastCall) await sleep(2);
    const children = hasEnded
      ? []
      : readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim().split(' ').map(Number);
    child.kill('SIGKILL');
    const status = await ended;
    if (lastCall === Infinity) expect(status).toBe(0);
    while (children.some(isAlive)) await sleep(20);
    await standIn.host.settled();
    return standIn.host.calls.splice(0);
  }
});

describe('an edition', () => {
  const editions = ['Windows 11 Home', 'Windows 11 Pro', 'Windows 11 Pro N', '11'].map((name, index) => ({
    index: index + 1,
    name,
    sizeBytes: 1,
  }));

  test.each([
    ['Windows 11 Pro', 2],
    ['WINDOWS 11 pro n', 3],
    [' 1 ', 1],
    // A name first.
    ['11', 4],
  ])('%j is number %i', (wanted, index) => {
    expect(chooseEdition(editions, wanted, 'w.iso').index).toBe(index);
  });

  test.each([
    ['Windows 11 Hone', ', did you mean "Windows 11 Home"?'],
    ['home', ', did you mean "Windows 11 Home"?'],
    ['Enterprise', ''],
    ['9', ''],
    ['', ''],
  ])('%j is none of them', (wanted, suggestion) => {
    expect(() => chooseEdition(editions, wanted, 'w.iso')).toThrow(
      expect.objectContaining({
        code: 'INSTALL_EDITION_UNKNOWN',
        data: expect.objectContaining({ suggestion }) as object,
      }),
    );
  });

  test('has to be named where there are several, or several of that name', () => {
    const ambiguous = expect.objectContaining({ code: 'INSTALL_EDITION_AMBIGUOUS' }) as object;
    expect(() => chooseEdition(editions, undefined, 'w.iso')).toThrow(ambiguous);
    expect(chooseEdition([editions[1]], undefined, 'w.iso').index).toBe(2);
    const twins = [editions[0], { ...editions[0], index: 2 }];
    expect(() => chooseEdition(twins, 'windows 11 home', 'w.iso')).toThrow(ambiguous);
    expect(chooseEdition(twins, '2', 'w.iso').index).toBe(2);
  });
});
