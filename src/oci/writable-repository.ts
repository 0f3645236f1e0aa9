/** What layouts and archives that are written have in common: how a manifest gets into one. */
import { bytesSource } from './bytes-source.ts';
import { digestOf } from './digest.ts';
import type { LayoutIndex } from './layout-index.ts';
import { LocalRepository } from './local-repository.ts';
import { isIndex, namedBlobs, parseManifest } from './manifest.ts';
import type { BlobSource, ManifestToPut, PushBlobOptions, RepositoryOptions } from './repository.ts';
import type { Descriptor } from './descriptor.ts';

export abstract class WritableRepository extends LocalRepository {
  protected abstract changeIndex(
    change: (index: LayoutIndex) => LayoutIndex,
    options: RepositoryOptions,
  ): Promise<void>;
  abstract override pushBlob(
    blob: Descriptor,
    source: BlobSource,
    options?: PushBlobOptions,
  ): Promise<'uploaded'>;

  override async putManifest(
    manifest: ManifestToPut,
    tag?: string,
    options: RepositoryOptions = {},
  ): Promise<void> {
    const digest = digestOf(manifest.bytes);
    const content = parseManifest(manifest.bytes, `${this.name}@${digest}`);
    for (const needed of namedBlobs(content))
      if (!(await this.hasBlob(needed, options))) throw this.missing(needed.digest);
    const descriptor: Descriptor = {
      mediaType: manifest.mediaType,
      digest,
      size: manifest.bytes.length,
      ...(content.artifactType !== undefined && { artifactType: content.artifactType }),
    };
    await this.pushBlob(descriptor, bytesSource(manifest.bytes), options);
    const children = isIndex(content) ? content.manifests.map((child) => child.digest) : [];
    await this.changeIndex((index) => index.with(descriptor, tag, children), options);
  }
}
