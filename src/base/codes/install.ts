import { errorTable } from '../error-entry.ts';

/** The error codes of systems that are installed from their media. */
export const installCodes = errorTable({
  INSTALL_UNSUPPORTED: {
    exit: 5,
    message: 'the {driver} driver cannot install Windows from {path}',
    why: 'Installation media need a Hyper-V host: Windows itself writes its image onto the new disk.',
    todo: 'Build on a Windows host with Hyper-V, or start from a disk with Windows on it: FROM ./windows.vhdx.',
  },
  INSTALL_MEDIUM: {
    exit: 4,
    message: '{path} is no medium that installs Windows: {message}',
    why: 'An ISO file that installs Windows has its image in the folder sources: install.wim, install.esd or install.swm.',
    todo: 'Check the file, and compare its digest with the one that Microsoft tells: the download may be cut short.',
  },
  INSTALL_EDITION_UNKNOWN: {
    exit: 4,
    message: '{path} has no edition "{edition}"{suggestion}; it has {editions}',
    why: 'A medium holds several editions of Windows, each with a name and a number.',
    todo: 'Name one of them, as in FROM --edition="Windows 11 Pro" ./windows.iso.',
  },
  INSTALL_EDITION_AMBIGUOUS: {
    exit: 4,
    message: '{path} has more than one edition: {editions}',
    why: 'Which of them is to be installed has to be said where there are several.',
    todo: 'Name it, or its number, as in FROM --edition="Windows 11 Pro" ./windows.iso.',
  },
  INSTALL_UNATTEND: {
    exit: 4,
    message: '{path} is no answer file for the setup of Windows: {message}',
    why: 'An answer file is an XML document whose root is <unattend xmlns="urn:schemas-microsoft-com:unattend">.',
    todo: 'Correct the file; Windows System Image Manager writes and checks such files.',
  },
  INSTALL_DISK_SIZE: {
    exit: 4,
    message: 'a disk of {sizeBytes} bytes is too small for {what}: it needs at least {neededBytes}',
    why: 'The disk holds the image of the edition, the partitions that start it, and has to leave room for its first start.',
    todo: 'Give the build a larger disk with --disk-size.',
  },
  INSTALL_DISK: {
    exit: 1,
    message: 'the new disk could not be prepared: {message}',
    why: 'Windows has mounted the disk, and shows its partitions or volumes late or not at all.',
    todo: 'Look at the disk in Disk Management, check that the services vds and StorSvc are not disabled, and run the command again.',
  },
  INSTALL_IMAGE: {
    exit: 1,
    message: 'DISM failed with {path}: {message} [{hresult}]',
    why: 'DISM reads the image on the medium and writes it onto the disk. The number is the same in every language.',
    todo: 'Look into %WINDIR%\\Logs\\DISM\\dism.log; a medium that is newer than the host may need a newer host. With 0x80040154 it is not the medium: PowerShell 7 from the Store cannot use DISM; take NODE_POWERSHELL out of the environment.',
  },
  INSTALL_BOOT: {
    exit: 1,
    message: 'the boot loader could not be put onto the new disk: {message}',
    why: 'It is put there by bcdboot of the Windows that was installed, which must fit the processor of the host.',
    todo: 'Take a medium for the processor of the host (x64 or ARM64); a policy of the host may forbid the program, too.',
  },
});
