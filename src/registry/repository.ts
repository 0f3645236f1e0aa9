/** A repository of a registry, through the one interface that every place for blobs and manifests has. */
import type { Repository } from '../oci/repository.ts';
import type { RegistryClient } from './client.ts';
import { hasBlob, readBlob } from './download.ts';
import { checkedPath, type Endpoint } from './endpoint.ts';
import { manifest, putManifest, resolve } from './manifests.ts';
import { PATIENCE, type Patience } from './patience.ts';
import { listTags } from './tags.ts';
import { BlobUpload, type UploadHabits } from './upload.ts';

/**
 * The repository at `path` of the client's registry; closing it closes the client. No request is made here.
 *
 * Besides what its methods say, they throw what the client throws, and REGISTRY_ANSWER_INVALID when the registry does
 * not keep to the protocol. `tags` of a repository that is not there throws REGISTRY_NOT_FOUND.
 *
 * @throws HyperfileError STORE_NAME_INVALID
 */
export function openRegistryRepository(
  client: RegistryClient,
  path: string,
  patience: Patience = PATIENCE,
): Repository {
  const name = `${client.host}/${checkedPath(path)}`;
  const at: Endpoint = { client, path, name, patience };
  const habits: UploadHabits = {};
  return {
    name,
    host: client.host,
    resolve: (reference, options) => resolve(at, reference, options),
    manifest: (reference, options) => manifest(at, reference, options),
    putManifest: (manifest, tag, options) => putManifest(at, manifest, tag, options),
    hasBlob: (blob, options) => hasBlob(at, blob, options),
    readBlob: (blob, options) => readBlob(at, blob, options),
    pushBlob: (blob, source, options = {}) => new BlobUpload(at, habits, blob, source, options).run(),
    tags: (options) => listTags(at, options),
    close: () => client.close(),
  };
}
