/** Bootstraps a Debian or Ubuntu root file system as a tar stream, with mmdebstrap or else debootstrap. */
import path from 'node:path';
import { isHyperfileError } from '../../base/error.ts';
import { missingTool } from '../../base/missing-tool.ts';
import { runTool } from '../../base/process.ts';
import { streamTool, type StreamedTool } from '../../base/stream-tool.ts';
import type { DebootstrapBase } from '../../language/base-reference.ts';
import { hostSources } from './apt-sources.ts';

/** Small, but with apt, so that recipes can install packages. */
const DEFAULT_VARIANT = 'minbase';

/** What debootstrap leaves in its folder, and mmdebstrap cleans away: downloads, and the host's own name and resolver. */
const HOST_TRACES = [
  'var/cache/apt/archives/*.deb',
  'var/lib/apt/lists/*_*',
  'etc/resolv.conf',
  'etc/hostname',
];

export interface BootstrapIo {
  /** A private folder for half-made systems; its owner removes it, also after a `kill -9`. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
}

/** @throws HyperfileError TOOL_MISSING when neither program is installed. */
export async function bootstrap(base: DebootstrapBase, io: BootstrapIo): Promise<StreamedTool> {
  const sources = base.mirror === undefined ? await hostSources(base.suite) : [base.mirror];
  if (await isInstalled('mmdebstrap')) return mmdebstrap(base, sources, io);
  if (await isInstalled('debootstrap')) return debootstrap(base, sources, io);
  throw missingTool('mmdebstrap');
}

function mmdebstrap(base: DebootstrapBase, sources: readonly string[], io: BootstrapIo): StreamedTool {
  return confined('mmdebstrap', [...commonOptions(base), '--format=tar', base.suite, '-', ...sources], io);
}

/** debootstrap knows one mirror and makes a folder, which is packed afterwards. */
async function debootstrap(
  base: DebootstrapBase,
  sources: readonly string[],
  io: BootstrapIo,
): Promise<StreamedTool> {
  const root = path.join(io.folder, 'root');
  const main = sources.find((line) => !/\s\S+-(updates|security)\s/.test(line));
  const mirror = main === undefined ? [] : [main.replace(/^deb (\S+) .*$/, '$1')];
  const making = confined('debootstrap', [...commonOptions(base), base.suite, root, ...mirror], io);
  making.stdout.setEncoding('utf8').on('data', (text: string) => text.trim().split('\n').forEach(io.onLine));
  await making.finished;
  const excluded = HOST_TRACES.map((pattern) => `--exclude=./${pattern}`);
  return streamTool('tar', ['--numeric-owner', '--xattrs', ...excluded, '-C', root, '-cf', '-', '.'], io);
}

function commonOptions({ variant, include }: DebootstrapBase): string[] {
  const packages = include.length > 0 ? [`--include=${include.join(',')}`] : [];
  return [`--variant=${variant ?? DEFAULT_VARIANT}`, ...packages];
}

/** Lets go of the copies of mounts below a folder that a new mount namespace begins with: others may want to unmount. */
const WITHOUT_MOUNTS = String.raw`
folder=$1; shift
while read -r _ _ _ _ target _; do
  case $target in "$folder"/*) umount --lazy "$target" 2>/dev/null ;; esac
done </proc/self/mountinfo
exec "$@"`;

/**
 * Starts a bootstrapper with mounts and processes of its own, tied to this process: however either of them ends,
 * nothing that the bootstrapper mounted or started stays behind.
 */
function confined(tool: string, args: readonly string[], io: BootstrapIo): StreamedTool {
  const namespaces = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const without = ['sh', '-c', WITHOUT_MOUNTS, 'sh', path.dirname(io.folder)];
  const env = { ...process.env, TMPDIR: io.folder, LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' };
  return streamTool('setpriv', ['--pdeathsig', 'KILL', ...namespaces, ...without, tool, ...args], {
    ...io,
    env,
  });
}

async function isInstalled(tool: string): Promise<boolean> {
  try {
    await runTool(tool, ['--version'], { accept: [0, 1] });
    return true;
  } catch (error) {
    if (isHyperfileError(error, 'TOOL_MISSING')) return false;
    throw error;
  }
}
