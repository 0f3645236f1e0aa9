/** What the host has and lacks for the driver, in words, from the facts that were found out about it. */
import type { Finding } from '../driver.ts';
import type { HostFacts, StoreFacts } from './host.ts';

const GIB = 1024 ** 3;
/** A Windows base and a few layers. */
const ADVISED_BYTES = 40 * GIB;
const NEEDED_BYTES = 5 * GIB;
/** File systems on which Hyper-V keeps disks. */
const FILE_SYSTEMS = ['NTFS', 'ReFS'];

/** Everything that a build needs, good or bad, in the order in which it is needed. */
export function findingsOf(facts: HostFacts): Finding[] {
  const { failure, store } = facts;
  return [
    rights(facts),
    ...(failure ? [hyperV(facts)] : [hyperV(facts), network(facts)]),
    fileSystem(store),
    ...attributes(store),
    ...access(store),
    ...space(store),
  ];
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

function network({ switches }: HostFacts): Finding {
  if (switches.length > 0) return ok(`virtual switches: ${switches.map(({ name }) => name).join(', ')}`);
  return {
    level: 'advice',
    what: 'no virtual switch: commands in guests have no network',
    todo: "New-VMSwitch -Name hyperfile -SwitchType Internal, and an address and NAT for it; client editions have a 'Default Switch'.",
  };
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
  const free = `${(freeBytes / GIB).toFixed(1)} GiB free for the store`;
  const todo = '`hyperfile prune`, or move the store with HYPERFILE_STORE.';
  if (freeBytes < NEEDED_BYTES) return [problem(free, todo)];
  return [freeBytes < ADVISED_BYTES ? { level: 'advice', what: free, todo } : ok(free)];
}

function ok(what: string): Finding {
  return { level: 'ok', what };
}

function problem(what: string, todo: string): Finding {
  return { level: 'problem', what, todo };
}
