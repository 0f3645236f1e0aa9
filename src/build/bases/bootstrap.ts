/** Bootstraps a Debian or Ubuntu root file system as a tar stream, with mmdebstrap or else debootstrap. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isHyperfileError } from '../../base/error.ts';
import { runTool } from '../../base/process.ts';
import { streamTool, type StreamedTool } from '../../base/stream-tool.ts';
import type { DebootstrapBase } from '../../language/base-reference.ts';
import { hostSources } from './apt-sources.ts';

/** Small, but with apt, so that recipes can install packages. */
const DEFAULT_VARIANT = 'minbase';

export interface BootstrapIo {
  readonly signal: AbortSignal;
  readonly onLine: (line: string) => void;
}

/** @throws HyperfileError TOOL_MISSING when neither program is installed. */
export async function bootstrap(base: DebootstrapBase, io: BootstrapIo): Promise<StreamedTool> {
  const sources = base.mirror === undefined ? await hostSources(base.suite) : [base.mirror];
  if (await isInstalled('mmdebstrap')) return mmdebstrap(base, sources, io);
  if (await isInstalled('debootstrap')) return debootstrap(base, sources, io);
  return mmdebstrap(base, sources, io);
}

function mmdebstrap(
  { suite, variant, include }: DebootstrapBase,
  sources: readonly string[],
  io: BootstrapIo,
) {
  const packages = include.length > 0 ? [`--include=${include.join(',')}`] : [];
  const args = [
    `--variant=${variant ?? DEFAULT_VARIANT}`,
    ...packages,
    '--format=tar',
    suite,
    '-',
    ...sources,
  ];
  return streamTool('mmdebstrap', args, { ...io, env: untranslated() });
}

/** debootstrap knows one mirror and makes a folder, which is packed afterwards. */
async function debootstrap(
  { suite, variant, include }: DebootstrapBase,
  sources: readonly string[],
  io: BootstrapIo,
) {
  const folder = await mkdtemp(path.join(tmpdir(), 'hyperfile-debootstrap-'));
  const clean = (): Promise<void> => rm(folder, { recursive: true, force: true });
  const mirror = sources
    .find((line) => !/\s\S+-(updates|security)\s/.test(line))
    ?.replace(/^deb (\S+) .*$/, '$1');
  const packages = include.length > 0 ? [`--include=${include.join(',')}`] : [];
  const args = [
    `--variant=${variant ?? DEFAULT_VARIANT}`,
    ...packages,
    suite,
    folder,
    ...(mirror ? [mirror] : []),
  ];
  try {
    const making = streamTool('debootstrap', args, { ...io, env: untranslated() });
    making.stdout
      .setEncoding('utf8')
      .on('data', (text: string) => text.trim().split('\n').forEach(io.onLine));
    await making.finished;
  } catch (error) {
    await clean();
    throw error;
  }
  const packing = streamTool('tar', ['--numeric-owner', '--xattrs', '-C', folder, '-cf', '-', '.'], io);
  const finished = packing.finished.finally(clean);
  finished.catch(() => undefined);
  return { ...packing, finished };
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

/** Messages in English, and no questions asked by packages. */
function untranslated(): NodeJS.ProcessEnv {
  return { ...process.env, LC_ALL: 'C.UTF-8', DEBIAN_FRONTEND: 'noninteractive' };
}
