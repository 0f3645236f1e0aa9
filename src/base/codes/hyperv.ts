import { errorTable } from '../error-entry.ts';

/** The error codes of the host that Hyper-V runs on. */
export const hypervCodes = errorTable({
  HYPERV_MISSING: {
    exit: 5,
    message: 'Hyper-V is not installed, or its PowerShell module is not: {message}',
    why: 'Machines and disks are made with the cmdlets of the Hyper-V module.',
    todo: 'In an elevated PowerShell: Enable-WindowsOptionalFeature -Online -FeatureName Microsoft-Hyper-V -All (on Windows Server: Install-WindowsFeature Hyper-V -IncludeManagementTools), then restart.',
  },
  HYPERV_RIGHTS: {
    exit: 5,
    message: 'Windows refused {function}: {message}',
    why: 'Hyper-V obeys members of the groups Administrators and Hyper-V Administrators; mounting disks needs an administrator. A file can also be closed to the group of the virtual machines.',
    todo: 'Run the command in an elevated terminal; `hyperfile doctor` checks the rights on the store.',
  },
  HYPERV_MEMORY: {
    exit: 1,
    message: 'the host has not enough memory for the machine: {message}',
    why: 'A machine starts only with all its memory.',
    todo: 'Give it less with MACHINE memory=..., or stop other machines.',
  },
  HYPERV_IN_USE: {
    exit: 1,
    message: 'Windows has {target} in use: {message}',
    why: 'A disk is open for one machine or mount at a time, and what it builds on is open only for reading.',
    todo: 'Stop the machine or dismount the disk that uses it: Get-VM and Get-Disk show both.',
  },
  HYPERV_NOT_FOUND: {
    exit: 1,
    message: 'Hyper-V does not find {target}: {message}',
    why: 'A machine, a disk or a switch was removed meanwhile.',
    todo: 'Run the command again.',
  },
  HYPERV_STATE: {
    exit: 1,
    message: 'the machine is in no state for {function}: {message}',
    why: 'Somebody else changed it meanwhile, or the guest did.',
    todo: 'Leave machines alone whose notes name Hyperfile, and run the command again.',
  },
});
