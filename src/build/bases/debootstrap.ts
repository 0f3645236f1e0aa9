/** FROM debootstrap://SUITE: a Debian or Ubuntu base made from its packages, once, and found in the cache afterwards. */
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../base/canonical-json.ts';
import { HyperfileError, isHyperfileError } from '../../base/error.ts';
import type { Sandbox } from '../../drivers/driver.ts';
import type { DebootstrapBase } from '../../language/base-reference.ts';
import { baseKey } from '../../plan/key.ts';
import type { StepId } from '../events.ts';
import type { Workshop } from '../workshop.ts';
import type { Base } from './base.ts';
import { bootstrap } from './bootstrap.ts';
import { fillFromTar } from './root-tar.ts';
import { scratchBase } from './scratch.ts';

/**
 * The key of the base is that of its installed packages, so two hosts that bootstrap the same packages share the
 * steps above. Which packages an unchanged FROM line gave is remembered until `--pull` asks again.
 */
export async function debootstrapBase(
  reference: DebootstrapBase,
  workshop: Workshop,
  step: StepId,
): Promise<Base> {
  const empty = await scratchBase(workshop);
  const { kind, suite, mirror, variant, include } = reference;
  const system = { kind, suite, variant, include: [...include].sort(), disk: empty.key };
  const request = canonicalJson({ ...system, mirror });
  const memo = `debootstrap-${createHash('sha256').update(request).digest('hex')}`;
  return workshop.shared(memo, async () => {
    const known = workshop.options.pull ? undefined : await find(memo, workshop);
    if (known) return asBase(empty, known, reference, true);
    return asBase(empty, await make(reference, system, memo, empty, workshop, step), reference, false);
  });
}

interface Made {
  readonly layer: string;
  readonly key: string;
  readonly created: string;
}

async function find(memo: string, { store }: Workshop): Promise<Made | undefined> {
  const key = await store.memoGet(memo);
  const record = key === undefined ? undefined : await store.cacheGet(key);
  if (record?.layer === undefined) return undefined;
  return { layer: record.layer, key: record.key, created: record.created };
}

async function make(
  reference: DebootstrapBase,
  system: Readonly<Record<string, unknown>>,
  memo: string,
  empty: Base,
  workshop: Workshop,
  step: StepId,
): Promise<Made> {
  const { store, signal, onEvent } = workshop;
  const onLine = (line: string): void =>
    onEvent({ type: 'step-output', step, stream: 'stderr', text: `${line}\n` });
  const tool = await bootstrap(reference, { signal, onLine });
  try {
    const filled = await fillFromTar(empty, tool.stdout, reference.suite, workshop, async (sandbox) => {
      await tool.finished;
      return baseKey(system, [await packagesDigest(sandbox)]);
    });
    const { layer, created, answer } = filled;
    const { key, inputs } = answer;
    workshop.recordLayer({ layer, parent: empty.layers[0], key, inputs, created });
    await store.memoSet(memo, key);
    return { layer, key, created };
  } catch (error) {
    tool.stop();
    // What the bootstrapper says matters more than the archive it left cut short.
    const reason = await tool.finished.then(
      () => error,
      (own: unknown) => own,
    );
    if (!isHyperfileError(reason, 'TOOL_FAILED')) throw reason;
    const data = { suite: reference.suite, reason: String(reason.data.output) };
    throw new HyperfileError('BUILD_BOOTSTRAP_FAILED', { data, cause: reason });
  }
}

/** dpkg's own list of what is installed, in which version. */
async function packagesDigest(sandbox: Sandbox): Promise<string> {
  const status = await sandbox.files.readFile('/var/lib/dpkg/status');
  return `sha256:${createHash('sha256')
    .update(status ?? '')
    .digest('hex')}`;
}

function asBase(
  empty: Base,
  { layer, key, created }: Made,
  { suite }: DebootstrapBase,
  cached: boolean,
): Base {
  const history = [...empty.history, { created, createdBy: `FROM debootstrap://${suite}`, layer }];
  return { ...empty, layers: [layer, ...empty.layers], key, created, history, cached };
}
