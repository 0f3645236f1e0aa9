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
  HYPERV_NO_CREDENTIALS: {
    exit: 2,
    message: 'nobody has said how to get into the guest',
    why: 'Commands run inside the guest, in an account of its own. Its name and password are not part of an image.',
    todo: 'Give them as a secret: --secret id=guest,src=FILE, with the user name on the first line and the password on the second.',
  },
  HYPERV_SHUTDOWN_TIMEOUT: {
    exit: 1,
    message: 'the guest did not shut down within {seconds} s, and its machine was switched off',
    why: 'A layer is sealed from a guest that has shut down: what it was still writing is lost now, so there is no layer.',
    todo: 'Look for what keeps it from shutting down; `--driver-opt stop-timeout=15m` gives it more time.',
  },
  HYPERV_SWITCH: {
    exit: 2,
    message: '{problem}; this host has: {switches}',
    why: 'Commands with a network run in a machine that is connected to a virtual switch.',
    todo: 'Name one with `--driver-opt switch=NAME`, or run the commands with --network=none.',
  },
  HYPERV_GENERATION: {
    exit: 2,
    message: 'a machine of generation 1 has no {what}',
    why: 'Only machines of generation 2, which start from disks with a GUID partition table, have UEFI firmware.',
    todo: 'Leave it out of MACHINE, or ask for generation=2 with a disk that starts there.',
  },
  HYPERV_UNSUPPORTED: {
    exit: 2,
    message: 'the driver for Hyper-V cannot make {what}',
    why: 'Windows has no file systems for Linux guests; FROM scratch, debootstrap:// and container images begin with one.',
    todo: 'Make that base on a Linux host and bring it here (push and pull, or export), or start from a disk (FROM ./base.vhdx) or from installation media (FROM ./windows.iso).',
  },
  HYPERV_GUEST_OFF: {
    exit: 1,
    message:
      'the machine {machine} has switched itself off while its guest was waited for (its state is {state})',
    why: 'The guest shut down, or its firmware found nothing to start: no system on the disk, or one that secure boot does not let through.',
    todo: 'Start the disk in a machine with a screen and look (docs/hyper-v.md); MACHINE generation=1 is for disks that start from a BIOS, MACHINE secure-boot=off for systems that are not signed.',
  },
  HYPERV_GUEST_NO_HEARTBEAT: {
    exit: 1,
    message:
      'the guest of {machine} gave no sign of life in {seconds} s (machine {state}, heartbeat {heartbeat})',
    why: 'Hyper-V hears a guest through its integration services. The system has not started that far, or it has none of them running.',
    todo: 'Give it more time with --driver-opt boot-timeout=20m, or look at its screen. Linux guests need the modules hv_utils and hv_vmbus; Windows has its services built in.',
  },
  HYPERV_GUEST_NO_DIRECT: {
    exit: 1,
    message: 'the guest of {machine} runs, but PowerShell Direct did not answer in {seconds} s: {message}',
    why: 'The guest must be Windows 10, Windows Server 2016 or later with its service "Hyper-V PowerShell Direct Service" (vmicvmsession) running; a first start can take many minutes.',
    todo: 'Give it more time with --driver-opt boot-timeout=20m, or try it by hand: Enter-PSSession -VMName {machine} -Credential {user}.',
  },
  HYPERV_GUEST_REFUSED: {
    exit: 1,
    message: 'the guest of {machine} refused the account {user}: {message}',
    why: 'The name or the password is wrong, the password has expired, or the account may not log on.',
    todo: 'Correct the secret: --secret id=guest,src=FILE, with the name of the account in the first line and then its password, or for Linux guests a private key.',
  },
  HYPERV_GUEST_SETTING_UP: {
    exit: 1,
    message: 'Windows in {machine} was still setting itself up after {seconds} s: {message}',
    why: 'At its first start, a Windows makes its accounts and asks what no answer file has answered; nobody is there to tell it.',
    todo: 'Give it an answer file that answers everything and has the account {user} with the password of the secret "guest" (FROM --unattend=FILE for an ISO file), or more time with --driver-opt setup-timeout=2h. `vmconnect.exe localhost {machine}` shows its screen while it is waited for.',
  },
  HYPERV_GUEST_NO_PASSWORD: {
    exit: 2,
    message: 'the secret {secret} has no password for {user}, which a Windows guest asks for',
    why: 'PowerShell Direct takes a name and a password, not a key.',
    todo: 'Give both with --secret id={secret},src=FILE: the name of the account in the first line, its password in the second.',
  },
  HYPERV_GUEST_NO_ADDRESS: {
    exit: 1,
    message: 'the guest of {machine} runs, but has told no address in {seconds} s',
    why: 'Linux guests are reached over a virtual switch, and tell their host by which address: with the service hv_kvp_daemon, once their network is up.',
    todo: 'Connect the machine with --driver-opt switch=NAME (the "Default Switch" gives addresses by itself), and install hyperv-daemons (Debian, Fedora) or linux-cloud-tools-virtual (Ubuntu) in the guest.',
  },
  HYPERV_GUEST_NO_SSH: {
    exit: 1,
    message:
      'the guest of {machine} has the address {address}, but no SSH server let us in there in {seconds} s: {message}',
    why: 'Commands of Linux guests run over SSH, on port 22.',
    todo: 'Install and enable openssh-server in the guest, and let its firewall pass port 22; give it more time with --driver-opt boot-timeout=20m.',
  },
  HYPERV_GUEST_ROOT: {
    exit: 1,
    message: 'nothing can be run as root in the guest of {machine} by {user}: {message}',
    why: 'Commands of a recipe run as root or as the user that it names, and only root can do both; the guest also needs setsid (util-linux).',
    todo: 'Let the account be root, or one that may use sudo without a password: NAME ALL=(ALL) NOPASSWD: ALL.',
  },
  HYPERV_GUEST_FILES: {
    exit: 1,
    message: 'files could not be copied through the guest ({what}): {message}',
    why: 'Files get into and out of a guest whose file system the host cannot read with its own tar, over SSH.',
    todo: 'Look at the space on its disk, and whether it has tar.',
  },
  HYPERV_GUEST_UNSHARE: {
    exit: 1,
    message: 'the guest cannot {what}: {message}',
    why: 'A Linux guest does that in a namespace of its own, which root makes there with unshare.',
    todo: 'Install util-linux in the guest, and start it with a kernel that has namespaces, as those of all distributions have.',
  },
  HYPERV_GUEST_LOST: {
    exit: 1,
    message: 'the connection to the guest ended while the command ran: {message}',
    why: 'The guest has shut down, restarted or crashed, or its machine was stopped.',
    todo: "A command that restarts the guest must not do it by itself: use REBOOT after it, or end with status 3010. Otherwise look at the guest's event log.",
  },
  HYPERV_GUEST_USER: {
    exit: 2,
    message: 'a command is to run as {user}, and there is no secret {secret}',
    why: 'Windows starts a program as somebody else only with their password, and the secret "guest" is of another account.',
    todo: 'Give it with --secret id={secret},src=FILE: the name of the account in the first line, its password in the second. Without USER a command runs as the account of the secret "guest".',
  },
  HYPERV_GUEST_USER_OTHER: {
    exit: 2,
    message: 'a command is to run as {user}, but the secret {secret} is of the account {account}',
    why: 'The id of the secret says whose it is, and its first line names the account: both are to be the same.',
    todo: 'Correct the first line of the secret, or its id: --secret id=guest.NAME,src=FILE.',
  },
  HYPERV_GUEST_USER_REFUSED: {
    exit: 1,
    message: 'the guest of {machine} refused the account {user}, which a command is to run as: {message}',
    why: 'There is no such account in the guest at this place of the recipe, its password is another one or has expired, or it may not log on.',
    todo: 'Correct the secret {secret}, or make the account in a RUN before: net user NAME PASSWORD /add.',
  },
  HYPERV_GUEST_USER_SYSTEM: {
    exit: 3,
    message: 'no command can run as {user}',
    why: 'It is an account of Windows itself: it has no password, and nobody can log on as it.',
    todo: 'Leave USER out: commands then run as the account of the secret "guest". A scheduled task can do what only {user} may: schtasks /create /ru SYSTEM.',
  },
});
