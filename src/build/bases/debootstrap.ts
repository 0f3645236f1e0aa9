/** FROM debootstrap://SUITE: a Debian or Ubuntu base made from its packages, once, and found in the cache afterwards. */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../base/canonical-json.ts';
import { HyperfileError, isHyperfileError } from '../../base/error.ts';
import { openSession } from '../../base/session.ts';
import type { StreamedTool } from '../../base/stream-tool.ts';
import type { Sandbox } from '../../drivers/driver.ts';
import type { DebootstrapBase } from '../../language/base-reference.ts';
import type { DiskDescription } from '../../oci/image.ts';
import { EMPTY_CONFIG } from '../../plan/guest-config.ts';
import { baseKey } from '../../plan/key.ts';
import type { StepId } from '../events.ts';
import type { Found, Workshop } from '../workshop.ts';
import type { Base } from './base.ts';
import { fillFromTar, type FilledDisk } from './root-tar.ts';
import { emptyDisk, scratchBase, scratchEntry } from './scratch.ts';

/**
 * The key of the base is that of its installed packages, so two hosts that bootstrap the same packages share the
 * steps above. Which packages an unchanged FROM line gave is remembered until `--pull` asks again.
 */
export async function debootstrapBase(
  reference: DebootstrapBase,
  workshop: Workshop,
  step: StepId,
): Promise<Base> {
  const { disk, key: diskKey } = emptyDisk(workshop);
  const { kind, suite, mirror, variant, include } = reference;
  const system = { kind, suite, variant, include: [...include].sort(), disk: diskKey };
  const request = canonicalJson({ ...system, mirror });
  const memo = `debootstrap-${createHash('sha256').update(request).digest('hex')}`;
  return workshop.shared(memo, async () => {
    const known = workshop.options.pull ? undefined : await find(memo, workshop);
    const made = known ?? (await make(reference, system, memo, workshop, step));
    return asBase(disk, made, reference, known !== undefined);
  });
}

interface Made extends Found {
  readonly key: string;
}

async function find(memo: string, workshop: Workshop): Promise<Made | undefined> {
  const key = await workshop.recall(memo);
  const found = key === undefined ? undefined : await workshop.find(key);
  return found && { ...found, key: key! };
}

async function make(
  reference: DebootstrapBase,
  system: Readonly<Record<string, unknown>>,
  memo: string,
  workshop: Workshop,
  step: StepId,
): Promise<Made> {
  const { store, signal, onEvent } = workshop;
  const onLine = (line: string): void =>
    onEvent({ type: 'step-output', step, stream: 'stderr', text: `${line}\n` });
  const empty = await scratchBase(workshop);
  const session = openSession(store.root);
  try {
    const { bootstrap } = await import('./bootstrap.ts');
    const tool = await bootstrap(reference, { signal, onLine, folder: session.folder });
    const filled = await takeTar(tool, reference.suite, empty, workshop);
    const { key, inputs } = baseKey(system, [filled.answer]);
    const { layer, created } = filled;
    workshop.recordLayer({ layer, parent: empty.layers[0], key, inputs, created });
    await workshop.remember(memo, key);
    return { layers: [layer, ...empty.layers], key, created };
  } catch (error) {
    if (!isHyperfileError(error, 'TOOL_FAILED')) throw error;
    const data = { suite: reference.suite, reason: reasonIn(String(error.data.output)) };
    throw new HyperfileError('BUILD_BOOTSTRAP_FAILED', { data, cause: error });
  } finally {
    session.close();
  }
}

/** What the bootstrapper says of its failure matters more than the archive it left cut short. */
async function takeTar(
  tool: StreamedTool,
  suite: string,
  empty: Base,
  workshop: Workshop,
): Promise<FilledDisk<string>> {
  try {
    return await fillFromTar(empty, tool.stdout, suite, workshop, async (sandbox) => {
      await tool.finished;
      return packagesDigest(sandbox);
    });
  } catch (error) {
    tool.stop();
    await tool.finished;
    throw error;
  }
}

/** The lines that a bootstrapper marks as errors, else the last ones. */
function reasonIn(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const errors = lines.filter((line) => /^E:/.test(line));
  return (errors.length > 0 ? errors : lines.slice(-3)).join(' / ');
}

/** dpkg's own list of what is installed, in which version. */
async function packagesDigest(sandbox: Sandbox): Promise<string> {
  const status = await sandbox.files.readFile('/var/lib/dpkg/status');
  return `sha256:${createHash('sha256')
    .update(status ?? '')
    .digest('hex')}`;
}

function asBase(disk: DiskDescription, made: Made, { suite }: DebootstrapBase, cached: boolean): Base {
  const { created, layers } = made;
  const entry = { created, createdBy: `FROM debootstrap://${suite}`, layer: layers[0] };
  return { ...made, os: 'linux', disk, config: EMPTY_CONFIG, history: [scratchEntry(made), entry], cached };
}
