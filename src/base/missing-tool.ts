/** A program of the system that is not there, and the package of Debian and Ubuntu that brings it. */
import { HyperfileError } from './error.ts';
import { hostSystem } from './host-platform.ts';

const PACKAGES: Readonly<Record<string, string>> = {
  mount: 'mount',
  umount: 'mount',
  losetup: 'mount',
  setpriv: 'util-linux',
  fstrim: 'util-linux',
  mke2fs: 'e2fsprogs',
  perl: 'perl-base',
  'qemu-img': 'qemu-utils',
  mmdebstrap: 'mmdebstrap',
  debootstrap: 'debootstrap',
  tar: 'tar',
  xz: 'xz-utils',
  bzip2: 'bzip2',
  zstd: 'zstd',
  getfattr: 'attr',
  setfattr: 'attr',
  crun: 'crun',
  runc: 'runc',
  ssh: 'openssh-client',
};

/** `apt-get install ...` for a program; undefined when its package is not known. */
export function howToInstall(tool: string): string | undefined {
  const name = PACKAGES[tool];
  return name === undefined ? undefined : `apt-get install ${name}`;
}

const WITH_GIT = 'winget install Git.Git, and put its folder usr\\bin on PATH';

/** Where there is no apt-get. */
const ELSEWHERE: Partial<Record<NodeJS.Platform, Readonly<Record<string, string>>>> = {
  win32: {
    'qemu-img': 'winget install SoftwareFreedomConservancy.QEMU, and put its folder on PATH',
    bzip2: WITH_GIT,
    xz: WITH_GIT,
    ssh: 'Add-WindowsCapability -Online -Name OpenSSH.Client~~~~0.0.1.0, in an elevated PowerShell',
  },
  darwin: { 'qemu-img': 'brew install qemu', xz: 'brew install xz', zstd: 'brew install zstd' },
};

/** TOOL_MISSING, with the command that installs the program. */
export function missingTool(
  tool: string,
  cause?: unknown,
  platform: NodeJS.Platform = hostSystem(),
): HyperfileError {
  const command = platform === 'linux' ? howToInstall(tool) : ELSEWHERE[platform]?.[tool];
  const hint =
    platform === 'linux'
      ? `On Debian and Ubuntu: ${command}. \`hyperfile doctor\` lists everything this host lacks.`
      : `Install it: ${command}.`;
  return new HyperfileError('TOOL_MISSING', {
    data: { tool },
    ...(command !== undefined && { hint }),
    ...(cause !== undefined && { cause }),
  });
}
