/** The media types that are ours, and those of OCI and Docker that we read. The form is specified in docs/registry.md. */

/** `artifactType` of an image's manifest. */
export const IMAGE_TYPE = 'application/vnd.hyperfile.image.v1';
export const IMAGE_CONFIG = 'application/vnd.hyperfile.image.config.v1+json';
/** `artifactType` of a cache record's manifest. */
export const CACHE_TYPE = 'application/vnd.hyperfile.cache.v1';
export const CACHE_CONFIG = 'application/vnd.hyperfile.cache.config.v1+json';
/** A whole layer: `zstd -d` of the blob is the VHDX. */
export const LAYER = 'application/vnd.hyperfile.layer.v1.vhdx+zstd';
/** The part of a cut layer's VHDX that is no payload: headers, log, tables, bitmaps. */
export const LAYER_HEAD = 'application/vnd.hyperfile.layer.v1.vhdx.head+zstd';
/** The payload of one window of a cut layer's virtual disk. */
export const LAYER_WINDOW = 'application/vnd.hyperfile.layer.v1.vhdx.window+zstd';

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json';
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json';
export const DOCKER_INDEX = 'application/vnd.docker.distribution.manifest.list.v2+json';
export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json';

/** What a request for a manifest accepts. */
export const MANIFEST_TYPES: readonly string[] = [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_INDEX];
