/** What the host has and lacks, in words. */
import { expect, test } from 'vitest';
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

function told(facts: Partial<HostFacts>, store: Partial<StoreFacts> = {}): string[] {
  return findingsOf({ ...GOOD, ...facts, store: { ...STORE, ...store } })
    .filter(({ level }) => level !== 'ok')
    .map(({ level, what }) => `${level}: ${what}`);
}

test('a host that has all says so', () => {
  expect(findingsOf(GOOD)).toEqual([
    { level: 'ok', what: 'rights of an administrator' },
    { level: 'ok', what: 'Hyper-V (module 2.0.0.0, machines of version 12.0)' },
    { level: 'ok', what: 'virtual switches: Default Switch' },
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

test('every finding that is not well says what to do', () => {
  const worst = findingsOf({
    ...GOOD,
    isAdministrator: false,
    switches: [],
    store: { ...STORE, fileSystem: 'exFAT', freeBytes: 0, isCompressed: true, unusableFiles: ['x.vhdx'] },
  });
  expect(worst.filter(({ level, todo }) => level !== 'ok' && !todo)).toEqual([]);
});

test('a store that machines may not read has its command; where nobody can tell, nothing is said', () => {
  expect(told({}, { machinesMayRead: null })).toEqual([]);
  const closed = findingsOf({ ...GOOD, store: { ...STORE, machinesMayRead: false } });
  expect(closed.filter(({ level }) => level !== 'ok')).toEqual([
    {
      level: 'advice',
      what: 'virtual machines may not read D:\\Hyperfile: some hosts then refuse to start them',
      todo: 'icacls "D:\\Hyperfile" /grant "*S-1-5-83-0:(OI)(CI)RX"',
    },
  ]);
});
