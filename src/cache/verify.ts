/** Whether what caches hold is what they say. */
import { canonicalJson } from '../base/canonical-json.ts';
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import { checkLayer } from '../blob/check-layer.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import { sha256Hex } from '../oci/digest.ts';
import { layerDescriptors } from '../oci/layer-descriptors.ts';
import type { Repository } from '../oci/repository.ts';
import { verifiedBlob } from '../oci/verified-blob.ts';
import { digestOfLayer } from '../transfer/layer-digest.ts';
import { Limiter } from '../transfer/limits.ts';
import type { CacheIo } from './cache-io.ts';
import { isStepKey } from './record-name.ts';
import { storedRecords } from './record-list.ts';
import type { RemoteHit } from './remote-cache.ts';

const BLOBS_AT_ONCE = 4;

export interface VerifyOptions {
  /** Reads everything, not only the records. */
  readonly content?: boolean;
  /** Called when a record, a blob or a layer was looked at. */
  readonly onProgress?: (done: number, total: number) => void;
}

export interface CacheVerdict {
  /** How many records were looked at, those with problems included. */
  readonly records: number;
  /** How many layers (of the store) or blobs (elsewhere). */
  readonly layers: number;
  readonly problems: readonly HyperfileError[];
}

/** Looks for the blobs of all records, and with `content` reads them. */
export async function verifyRemote(
  hits: readonly RemoteHit[],
  unread: readonly HyperfileError[],
  { signal }: CacheIo,
  { content = false, onProgress }: VerifyOptions,
): Promise<CacheVerdict> {
  const blobs = new Map<string, { blob: Descriptor; from: Repository }>();
  for (const { layers, from } of hits)
    for (const { form } of layers)
      for (const blob of layerDescriptors(form)) blobs.set(blob.digest, { blob, from });
  const problems = [...unread];
  const limiter = new Limiter(BLOBS_AT_ONCE);
  let done = 0;
  const verify = async ({ blob, from }: { blob: Descriptor; from: Repository }): Promise<void> => {
    const problem = await problemOf(() => verifyBlob(from, blob, content, signal));
    if (problem) problems.push(problem);
    onProgress?.(++done, blobs.size);
  };
  await Promise.all([...blobs.values()].map((blob) => limiter.run(signal, () => verify(blob))));
  return { records: hits.length + unread.length, layers: blobs.size, problems };
}

async function verifyBlob(
  from: Repository,
  blob: Descriptor,
  content: boolean,
  signal: AbortSignal,
): Promise<void> {
  const name = `${from.name}@${blob.digest}`;
  if (!(await from.hasBlob(blob, { signal })))
    throw new HyperfileError('OCI_BLOB_MISSING', { data: { name: from.name, digest: blob.digest } });
  if (!content) return;
  const { stream } = await from.readBlob(blob, { signal });
  for await (const _piece of verifiedBlob(stream, blob, name))
    if (signal.aborted) throw new HyperfileError('INTERRUPTED');
}

/** Checks the records of the store, the linkage of the layers they lead to, and with `content` the layers' bytes. */
export async function verifyStore(
  { store, signal }: CacheIo,
  { content = false, onProgress }: VerifyOptions,
): Promise<CacheVerdict> {
  const problems: HyperfileError[] = [];
  const layers = new Map<string, string | undefined>();
  const records = storedRecords(store);
  for (const { key, inputs, layer } of records) {
    const problem = await problemOf(async () => {
      if (inputs !== undefined && isStepKey(key) && sha256Hex(canonicalJson(inputs)) !== key)
        throw refused(key, 'its key is not the digest of its inputs');
      for (const { id, parent } of layer === undefined ? [] : await store.chainRecords(layer))
        layers.set(id, parent);
    });
    if (problem) problems.push(problem);
  }
  let done = 0;
  for (const [id, parent] of layers) {
    const problem = await problemOf(async () => {
      const parentFile =
        parent === undefined ? {} : { parentId: parent, parentPath: store.layerPath(parent) };
      checkLayer(store.layerPath(id), { id, ...parentFile });
      const form = content ? await store.layerForm(id) : undefined;
      if (form && (await digestOfLayer(store.layerPath(id), signal)) !== form.digest)
        throw new HyperfileError('STORE_LAYER_DAMAGED', {
          data: { layer: id, reason: 'its content is not what was pushed or pulled' },
        });
    });
    if (problem) problems.push(problem);
    onProgress?.(++done, layers.size);
  }
  return { records: records.length, layers: layers.size, problems };
}

/** What an error of ours says is wrong; any other error, and an interruption, is thrown. */
async function problemOf(look: () => Promise<void>): Promise<HyperfileError | undefined> {
  try {
    await look();
    return undefined;
  } catch (error) {
    const isVerdict = isHyperfileError(error) && /^(?:OCI|CACHE|STORE|BLOB|VHDX)_/.test(error.code);
    if (!isVerdict) throw error;
    return error;
  }
}

function refused(record: string, reason: string): HyperfileError {
  return new HyperfileError('CACHE_RECORD', { data: { record, reason } });
}
