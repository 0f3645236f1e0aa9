/** What the host has and lacks, in words. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { findingsOf } from '../../../src/drivers/hyperv/findings.ts';
import type { HostFacts, StoreFacts } from '../../../src/drivers/hyperv/host.ts';

const GIB = 1024 ** 3;
const STORE: StoreFacts = {
  folder: 'D:\\Hyperfile',
  fileSystem: 'NTFS',
  freeBytes: 100 * GIB,
  isCompressed: false,
  isEncrypted: false,
  unusableFiles: [],
  machinesMayRead: true,
};
const GOOD: HostFacts = {
  system: '10.0.26100.0',
  edition: 'Desktop',
  moduleVersion: '2.0.0.0',
  isAdministrator: true,
  isHyperVAdministrator: false,
  failure: null,
  machineVersion: '12.0',
  processors: 8,
  memoryBytes: 16 * GIB,
  switches: [{ id: 'c08cb7b8-9b3c-408e-8e30-5e16a3aeb444', name: 'Default Switch', type: 'Internal' }],
  store: STORE,
};

const SSH = 'C:\\Windows\\System32\\OpenSSH\\ssh.exe';
const everyFile = (): boolean => true;

function told(facts: Partial<HostFacts>, store: Partial<StoreFacts> = {}): string[] {
  return findingsOf({ ...GOOD, ...facts, store: { ...STORE, ...store } }, everyFile)
    .filter(({ level }) => level !== 'ok')
    .map(({ level, what }) => `${level}: ${what}`);
}

test('a host that has all says so', () => {
  vi.stubEnv('SystemRoot', 'C:\\Windows');
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(findingsOf(GOOD, (file) => file === SSH)).toEqual([
    { level: 'ok', what: 'Windows 10.0.26100.0 with Windows PowerShell' },
    { level: 'ok', what: 'rights of an administrator' },
    { level: 'ok', what: 'Hyper-V (module 2.0.0.0, machines of version 12.0)' },
    { level: 'ok', what: '16.0 GiB of memory' },
    { level: 'ok', what: 'virtual switches: Default Switch' },
    { level: 'ok', what: 'OpenSSH client, for Linux guests' },
    { level: 'ok', what: 'the store is on NTFS' },
    { level: 'ok', what: 'virtual machines may read the store' },
    { level: 'ok', what: '100.0 GiB free for the store' },
  ]);
});

test('everything that is missing is a finding of its own', () => {
  const refused = { id: 'AccessDenied,Get-VMHost', category: 'PermissionDenied', message: 'nein' };
  const missing = { id: 'CouldNotAutoLoadModule', category: 'ObjectNotFound', message: 'nicht da' };
  const stopped = { id: 'Unspecified,Get-VMHost', category: 'NotSpecified', message: 'vmms' };
  expect(told({ isAdministrator: false })).toEqual([
    'problem: neither Administrators nor Hyper-V Administrators rights',
  ]);
  expect(told({ isAdministrator: false, isHyperVAdministrator: true })).toEqual([
    'problem: rights of Hyper-V Administrators only: machines can run, but disks cannot be mounted',
  ]);
  expect(told({ failure: missing, switches: [] })).toEqual([
    'problem: Hyper-V or its PowerShell module is not installed',
  ]);
  expect(told({ failure: refused })).toEqual(['problem: Hyper-V refuses this user']);
  expect(told({ failure: stopped })).toEqual([
    'problem: Hyper-V does not answer: vmms [Unspecified,Get-VMHost]',
  ]);
  expect(told({ switches: [] })).toEqual(['advice: no virtual switch: commands in guests have no network']);
  expect(told({}, { fileSystem: 'FAT32' })).toEqual([
    'problem: the store is on FAT32, where Hyper-V keeps no disks',
  ]);
  expect(told({}, { fileSystem: null, freeBytes: null })).toEqual([
    "problem: the store is on a share (D:\\Hyperfile), where no disk's volume can be shown as a folder",
  ]);
  expect(told({}, { isCompressed: true })).toEqual([
    'problem: D:\\Hyperfile is compressed: Hyper-V opens no such disks',
  ]);
  expect(told({}, { isEncrypted: true })).toEqual([
    'problem: D:\\Hyperfile is encrypted: Hyper-V opens no such disks',
  ]);
  expect(told({}, { unusableFiles: ['D:\\Hyperfile\\a.vhdx'] })).toEqual([
    'problem: D:\\Hyperfile\\a.vhdx is compressed, encrypted or sparse: Hyper-V does not open it',
  ]);
  expect(told({}, { freeBytes: GIB })).toEqual(['problem: 1.0 GiB free for the store']);
  expect(told({}, { freeBytes: 10 * GIB })).toEqual(['advice: 10.0 GiB free for the store']);
});

test('a Windows on which guests cannot be run or entered is a problem', () => {
  const old = (system: string) => [
    `problem: Windows ${system} is too old: guests are entered from Windows 10 1607 or Windows Server 2016 on`,
  ];
  expect(told({ system: '10.0.10586.0' })).toEqual(old('10.0.10586.0'));
  expect(told({ system: '6.3.9600.0', edition: 'Core' })).toEqual(old('6.3.9600.0'));
  expect(told({ system: '10.0.14393.0' })).toEqual([]);
  expect(told({ system: '10.0.14393.0', edition: 'Core' })).toEqual([
    'problem: PowerShell 7 does not work with Hyper-V on Windows 10.0.14393.0 (Windows 10 1607, Windows Server 2016)',
  ]);
  expect(told({ system: '10.0.17763.0', edition: 'Core' })).toEqual([]);
  const [first] = findingsOf({ ...GOOD, edition: 'Core' }, everyFile);
  expect(first).toEqual({ level: 'ok', what: 'Windows 10.0.26100.0 with PowerShell 7' });
});

test('of what is no Windows, nothing of Windows is asked', () => {
  expect(findingsOf({ ...GOOD, system: '6.8.0.0', isAdministrator: null }, () => false)[0]?.what).toBe(
    'rights of an administrator',
  );
  expect(told({ system: '6.8.0.0', isAdministrator: null })).toEqual([]);
});

test('less memory than a machine gets is a note, and so is a client for SSH that is missing', () => {
  const notes = findingsOf({ ...GOOD, memoryBytes: 2 * GIB }, () => false);
  expect(notes.filter(({ level }) => level !== 'ok')).toEqual([
    {
      level: 'advice',
      what: '2.0 GiB of memory, and a machine gets 2.0 GiB of it unless something else is said',
      todo: '--driver-opt memory=1G, or MACHINE memory=1G in the recipe.',
    },
    {
      level: 'advice',
      what: 'no OpenSSH client: commands cannot run in Linux guests',
      todo: 'Add-WindowsCapability -Online -Name OpenSSH.Client~~~~0.0.1.0',
    },
  ]);
  expect(told({ memoryBytes: null })).toEqual([]);
  const old = findingsOf({ ...GOOD, system: '10.0.14393.0' }, () => false);
  expect(old.find(({ what }) => what.startsWith('no OpenSSH client'))?.todo).toMatch(/^Windows has one from/);
});

test('every finding that is not well says what to do', () => {
  const worst = findingsOf(
    {
      ...GOOD,
      system: '10.0.10586.0',
      memoryBytes: GIB,
      isAdministrator: false,
      switches: [],
      store: { ...STORE, fileSystem: 'exFAT', freeBytes: 0, isCompressed: true, unusableFiles: ['x.vhdx'] },
    },
    () => false,
  );
  expect(worst.filter(({ level }) => level !== 'ok').length).toBeGreaterThan(8);
  expect(worst.filter(({ level, todo }) => level !== 'ok' && !todo)).toEqual([]);
});

test('a store that machines may not read has its command; where nobody can tell, nothing is said', () => {
  expect(told({}, { machinesMayRead: null })).toEqual([]);
  const closed = findingsOf({ ...GOOD, store: { ...STORE, machinesMayRead: false } }, everyFile);
  expect(closed.filter(({ level }) => level !== 'ok')).toEqual([
    {
      level: 'advice',
      what: 'virtual machines may not read D:\\Hyperfile: some hosts then refuse to start them',
      todo: 'icacls "D:\\Hyperfile" /grant "*S-1-5-83-0:(OI)(CI)RX"',
    },
  ]);
});
