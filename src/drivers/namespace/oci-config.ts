/** A command's surroundings as the OCI runtime specification 1.0 writes them (config.json). */
import {
  GUEST_HOSTNAME,
  KEPT_CAPABILITIES,
  MASKED_PATHS,
  READ_ONLY_PATHS,
  type LaunchRequest,
} from './launch-request.ts';

const LOCKED_DOWN = ['nosuid', 'noexec', 'nodev'];

const MOUNTS = [
  { destination: '/proc', type: 'proc', source: 'proc', options: LOCKED_DOWN },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: [...LOCKED_DOWN, 'ro'] },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'noexec', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: [...LOCKED_DOWN, 'mode=1777', 'size=65536k'],
  },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: LOCKED_DOWN },
];

/** The runtime restricts devices to the usual few by itself once something is denied. */
const NO_OTHER_DEVICES = { devices: [{ allow: false, access: 'rwm' }] };

export function ociConfig(request: LaunchRequest): object {
  const { user, argv, env, workdir, rootPath, network, binds } = request;
  const kept = Object.keys(KEPT_CAPABILITIES).map((name) => `CAP_${name}`);
  const own = user.uid === 0 ? kept : [];
  const namespaces = ['pid', 'ipc', 'uts', 'mount', ...(network === 'none' ? ['network'] : [])];
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: user.uid, gid: user.gid, additionalGids: user.groups, umask: 0o022 },
      args: argv,
      env: Object.entries(env).map(([name, value]) => `${name}=${value}`),
      cwd: workdir,
      capabilities: { bounding: kept, effective: own, permitted: own, inheritable: [], ambient: [] },
      noNewPrivileges: false,
    },
    root: { path: rootPath, readonly: false },
    hostname: GUEST_HOSTNAME,
    mounts: [
      ...MOUNTS,
      ...binds.map(({ source, target }) => ({
        destination: target.slice(rootPath.length),
        type: 'bind',
        source,
        options: ['bind', 'ro', ...LOCKED_DOWN],
      })),
    ],
    linux: {
      namespaces: namespaces.map((type) => ({ type })),
      resources: NO_OTHER_DEVICES,
      maskedPaths: MASKED_PATHS,
      readonlyPaths: READ_ONLY_PATHS,
    },
  };
}
