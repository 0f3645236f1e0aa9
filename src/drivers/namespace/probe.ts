/** What a host must have for the namespace driver, and which Debian package brings it. */
import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { howToInstall } from '../../base/missing-tool.ts';
import type { Finding } from '../driver.ts';
import { canLaunch } from './launch.ts';

export interface Host {
  readonly platform: NodeJS.Platform;
  readonly architecture: NodeJS.Architecture;
  /** Undefined on Windows. */
  readonly userId: number | undefined;
  readonly hasTool: (name: string) => boolean;
  readonly exists: (path: string) => boolean;
  /** Whether a device can be opened for reading and writing. */
  readonly canOpen: (path: string) => boolean;
  readonly readText: (path: string) => string;
  /** Bytes free for the state folder. */
  readonly freeBytes: number;
}

const TOOLS = ['mount', 'umount', 'losetup', 'setpriv', 'fstrim', 'mke2fs', 'perl'];

const NAMESPACES = ['mnt', 'pid', 'ipc', 'uts', 'net'];
const GIB = 1024 ** 3;
/** A Debian base with a few packages. */
const ADVISED_BYTES = 4 * GIB;
const NEEDED_BYTES = GIB / 4;

/** Everything that the driver needs, good or bad, in the order in which it is needed. */
export function probeHost(stateFolder: string, host: Host = thisHost(stateFolder)): Finding[] {
  if (host.platform !== 'linux') {
    return [
      problem(`it runs ${host.platform}, not Linux`, 'Build on Linux, for example in a virtual machine.'),
    ];
  }
  return [
    host.userId === 0
      ? ok('root rights')
      : problem('root rights are missing', 'Run hyperfile as root, for example with sudo.'),
    ...devices(host),
    ...tools(host),
    ...kernel(host),
    space(host),
  ];
}

function devices(host: Host): Finding[] {
  return [
    ['/dev/fuse', 'modprobe fuse', 'Allow the container access to it (docker run --device /dev/fuse)'],
    ['/dev/loop-control', 'modprobe loop', 'Run the container with --privileged'],
  ].map(([device = '', load = '', inContainer = '']) => {
    if (!host.exists(device))
      return problem(`${device} is missing`, `Load its module: ${load}. ${inContainer}.`);
    // Without root rights nothing could be opened, which was said already.
    if (host.userId === 0 && !host.canOpen(device))
      return problem(`${device} cannot be opened`, `${inContainer}.`);
    return ok(device);
  });
}

function tools(host: Host): Finding[] {
  const missing = TOOLS.filter((tool) => !host.hasTool(tool));
  if (missing.length === 0) return [ok(`programs: ${TOOLS.join(', ')}`)];
  return missing.map((tool) => problem(`${tool} is not installed`, howToInstall(tool) ?? ''));
}

function kernel(host: Host): Finding[] {
  const lacking = NAMESPACES.filter((name) => !host.exists(`/proc/self/ns/${name}`));
  return [
    lacking.length === 0
      ? ok('kernel namespaces')
      : problem(`the kernel has no ${lacking.join(', ')} namespaces`, 'Use a kernel of a distribution.'),
    /\bext4$/m.test(host.readText('/proc/filesystems'))
      ? ok('ext4')
      : { level: 'advice', what: 'the kernel has not loaded ext4 yet', todo: 'modprobe ext4' },
    canLaunch(host.architecture)
      ? ok(`processor: ${host.architecture}`)
      : problem(
          `commands cannot be started on ${host.architecture}`,
          'Install crun and set HYPERFILE_RUNTIME=crun.',
        ),
  ];
}

function space({ freeBytes }: Host): Finding {
  const free = `${(freeBytes / GIB).toFixed(1)} GiB free for the store`;
  const todo = '`hyperfile prune`, or move the store with HYPERFILE_STORE.';
  if (freeBytes < NEEDED_BYTES) return problem(free, todo);
  return freeBytes < ADVISED_BYTES ? { level: 'advice', what: free, todo } : ok(free);
}

function ok(what: string): Finding {
  return { level: 'ok', what };
}

function problem(what: string, todo: string): Finding {
  return { level: 'problem', what, todo };
}

function thisHost(stateFolder: string): Host {
  return {
    platform: process.platform,
    architecture: process.arch,
    userId: process.getuid?.(),
    hasTool,
    exists: existsSync,
    canOpen: (device) => isAllowed(device, constants.R_OK | constants.W_OK),
    readText: (file) => (existsSync(file) ? readFileSync(file, 'utf8') : ''),
    freeBytes: freeBytesFor(stateFolder),
  };
}

/** True when a program of the system can be started. */
export function hasTool(name: string): boolean {
  const folders = [...(process.env.PATH ?? '').split(':'), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.some((folder) => isAllowed(path.join(folder, name), constants.X_OK));
}

function isAllowed(file: string, mode: number): boolean {
  try {
    accessSync(file, mode);
    return true;
  } catch {
    return false;
  }
}

/** The state folder may not exist yet: then its nearest parent tells. */
function freeBytesFor(folder: string): number {
  const resolved = path.resolve(folder);
  if (!existsSync(resolved)) return freeBytesFor(path.dirname(resolved));
  const { bavail, bsize } = statfsSync(resolved);
  return bavail * bsize;
}
