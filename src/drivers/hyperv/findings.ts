/** What the host has and lacks for the driver, in words, from the facts that were found out about it. */
import { existsSync } from 'node:fs';
import { systemProgram } from '../../base/find-program.ts';
import type { Finding } from '../driver.ts';
import type { HostFacts, StoreFacts } from './host.ts';
import { parseHyperVOptions } from './options.ts';

const GIB = 1024 ** 3;
/** A Windows base and a few layers. */
const ADVISED_BYTES = 40 * GIB;
const NEEDED_BYTES = 5 * GIB;
/** File systems on which Hyper-V keeps disks. */
const FILE_SYSTEMS = ['NTFS', 'ReFS'];
/** Windows 10 1607 and Windows Server 2016: the first with PowerShell Direct and all that is asked of machines. */
const FIRST_BUILD = 14393;
/** Windows 10 1803: before it, Windows has no client for SSH that is more than a preview. */
const FIRST_SSH_BUILD = 17134;

/**
 * Everything that a build needs of the host, good or bad, in the order in which it is needed.
 *
 * @param isFile whether a file of the host is there
 */
export function findingsOf(
  facts: HostFacts,
  isFile: (file: string) => boolean = existsSync,
): readonly Finding[] {
  const { failure, store } = facts;
  return [
    ...windows(facts),
    rights(facts),
    hyperV(facts),
    ...(failure ? [] : [...memory(facts), network(facts)]),
    ...ssh(facts, isFile),
    fileSystem(store),
    ...attributes(store),
    ...access(store),
    ...space(store),
  ];
}

/** The groups of Windows that {@link rights} asks for are nowhere else. */
function isWindows({ isAdministrator }: HostFacts): boolean {
  return isAdministrator !== null;
}

/** 14393 of `10.0.14393.0`; 0 before Windows 10, whose numbers would say something else. */
function buildOf(system: string): number {
  const [major = 0, , build = 0] = system.split('.').map(Number);
  return major < 10 ? 0 : build;
}

function windows(facts: HostFacts): Finding[] {
  if (!isWindows(facts)) return [];
  const { system, edition } = facts;
  const build = buildOf(system);
  if (build < FIRST_BUILD)
    return [
      problem(
        `Windows ${system} is too old: guests are entered from Windows 10 1607 or Windows Server 2016 on`,
        'Build on a newer Windows.',
      ),
    ];
  if (edition === 'Core' && build === FIRST_BUILD)
    return [
      problem(
        `PowerShell 7 does not work with Hyper-V on Windows ${system} (Windows 10 1607, Windows Server 2016)`,
        'Take NODE_POWERSHELL out of the environment: Windows PowerShell runs then, and can.',
      ),
    ];
  return [ok(`Windows ${system} with ${edition === 'Core' ? 'PowerShell 7' : 'Windows PowerShell'}`)];
}

function rights({ isAdministrator, isHyperVAdministrator }: HostFacts): Finding {
  if (isAdministrator !== false) return ok('rights of an administrator');
  const todo = 'Start the terminal with "Run as administrator".';
  if (isHyperVAdministrator !== true)
    return problem('neither Administrators nor Hyper-V Administrators rights', todo);
  return problem(
    'rights of Hyper-V Administrators only: machines can run, but disks cannot be mounted',
    todo,
  );
}

function hyperV({ failure, moduleVersion, machineVersion }: HostFacts): Finding {
  if (failure === null)
    return ok(
      `Hyper-V (module ${moduleVersion ?? 'unknown'}, machines of version ${machineVersion ?? 'unknown'})`,
    );
  const isMissing = /^(CouldNotAutoLoadModule|CommandNotFoundException|Modules_ModuleNotFound)\b/.test(
    failure.id,
  );
  if (isMissing)
    return problem(
      'Hyper-V or its PowerShell module is not installed',
      'Enable-WindowsOptionalFeature -Online -FeatureName Microsoft-Hyper-V -All (on Windows Server: Install-WindowsFeature Hyper-V -IncludeManagementTools), then restart.',
    );
  if (failure.category === 'PermissionDenied' || failure.id.startsWith('AccessDenied'))
    return problem('Hyper-V refuses this user', 'Start the terminal with "Run as administrator".');
  return problem(
    `Hyper-V does not answer: ${failure.message.trim()} [${failure.id}]`,
    'Start its service: Start-Service vmms. Virtualization must be switched on in the firmware.',
  );
}

function memory({ memoryBytes }: HostFacts): Finding[] {
  if (memoryBytes === null) return [];
  const what = `${inGiB(memoryBytes)} of memory`;
  const usual = parseHyperVOptions().memoryBytes;
  if (memoryBytes > usual) return [ok(what)];
  return [
    {
      level: 'advice',
      what: `${what}, and a machine gets ${inGiB(usual)} of it unless something else is said`,
      todo: '--driver-opt memory=1G, or MACHINE memory=1G in the recipe.',
    },
  ];
}

function network({ switches }: HostFacts): Finding {
  if (switches.length > 0) return ok(`virtual switches: ${switches.map(({ name }) => name).join(', ')}`);
  return {
    level: 'advice',
    what: 'no virtual switch: commands in guests have no network',
    todo: "New-VMSwitch -Name hyperfile -SwitchType Internal, and an address and NAT for it; client editions have a 'Default Switch'.",
  };
}

/** Only commands in Linux guests need it. */
function ssh(facts: HostFacts, isFile: (file: string) => boolean): Finding[] {
  if (!isWindows(facts)) return [];
  if (isFile(systemProgram(['OpenSSH', 'ssh.exe']))) return [ok('OpenSSH client, for Linux guests')];
  return [
    {
      level: 'advice',
      what: 'no OpenSSH client: commands cannot run in Linux guests',
      todo:
        buildOf(facts.system) < FIRST_SSH_BUILD
          ? 'Windows has one from Windows 10 1803 and Windows Server 2019 on.'
          : 'Add-WindowsCapability -Online -Name OpenSSH.Client~~~~0.0.1.0',
    },
  ];
}

function fileSystem({ fileSystem, folder }: StoreFacts): Finding {
  if (fileSystem === null)
    return problem(
      `the store is on a share (${folder}), where no disk's volume can be shown as a folder`,
      MOVE,
    );
  if (FILE_SYSTEMS.includes(fileSystem)) return ok(`the store is on ${fileSystem}`);
  return problem(`the store is on ${fileSystem}, where Hyper-V keeps no disks`, MOVE);
}

const MOVE = 'Move it to a local NTFS or ReFS volume: set HYPERFILE_STORE.';

function attributes({ isCompressed, isEncrypted, folder, unusableFiles }: StoreFacts): Finding[] {
  const folderWrong = isCompressed ? 'compressed' : isEncrypted ? 'encrypted' : undefined;
  const command = isCompressed ? 'compact /U /S' : 'cipher /D';
  return [
    ...(folderWrong === undefined
      ? []
      : [problem(`${folder} is ${folderWrong}: Hyper-V opens no such disks`, `${command} "${folder}"`)]),
    ...unusableFiles.map((file) =>
      problem(
        `${file} is compressed, encrypted or sparse: Hyper-V does not open it`,
        `compact /U "${file}", cipher /D "${file}", fsutil sparse setflag "${file}" 0`,
      ),
    ),
  ];
}

/** `*` before a security identifier: the group's name is in the language of the host. */
function access({ machinesMayRead, folder }: StoreFacts): Finding[] {
  if (machinesMayRead === null) return [];
  if (machinesMayRead) return [ok('virtual machines may read the store')];
  const what = `virtual machines may not read ${folder}: some hosts then refuse to start them`;
  return [{ level: 'advice', what, todo: `icacls "${folder}" /grant "*S-1-5-83-0:(OI)(CI)RX"` }];
}

function space({ freeBytes }: StoreFacts): Finding[] {
  if (freeBytes === null) return [];
  const free = `${inGiB(freeBytes)} free for the store`;
  const todo = '`hyperfile prune`, or move the store with HYPERFILE_STORE.';
  if (freeBytes < NEEDED_BYTES) return [problem(free, todo)];
  return [freeBytes < ADVISED_BYTES ? { level: 'advice', what: free, todo } : ok(free)];
}

function inGiB(bytes: number): string {
  return `${(bytes / GIB).toFixed(1)} GiB`;
}

function ok(what: string): Finding {
  return { level: 'ok', what };
}

function problem(what: string, todo: string): Finding {
  return { level: 'problem', what, todo };
}
