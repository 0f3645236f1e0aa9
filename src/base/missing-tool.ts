/** A program of the system that is not there, and the package of Debian and Ubuntu that brings it. */
import { HyperfileError } from './error.ts';

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
};

/** `apt-get install ...` for a program; undefined when its package is not known. */
export function howToInstall(tool: string): string | undefined {
  const name = PACKAGES[tool];
  return name === undefined ? undefined : `apt-get install ${name}`;
}

/** TOOL_MISSING, with the command that installs the program. */
export function missingTool(tool: string, cause?: unknown): HyperfileError {
  const command = howToInstall(tool);
  const hint = `On Debian and Ubuntu: ${command}. \`hyperfile doctor\` lists everything this host lacks.`;
  return new HyperfileError('TOOL_MISSING', {
    data: { tool },
    ...(command !== undefined && { hint }),
    ...(cause !== undefined && { cause }),
  });
}
