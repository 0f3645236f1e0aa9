/** What a layer is outside the store: blobs that together are its VHDX, byte for byte (docs/registry.md). */
import type { Digest } from './digest.ts';

export interface LayerForm {
  /**
   * The identity of the layer's bytes: of a whole layer the SHA-256 of the VHDX; of a cut one the SHA-256 of its blobs'
   * content digests (32 bytes each, in order).
   */
  readonly digest: Digest;
  /** Length of the VHDX. */
  readonly sizeBytes: number;
  /** One blob with the whole file, or the head and then the windows in the order of the virtual disk. */
  readonly blobs: readonly LayerBlob[];
  /** Of a cut layer: the ranges of the file that the head holds, in order; all else is payload or zeros. */
  readonly headExtents?: readonly FileExtent[];
}

export interface FileExtent {
  readonly fileOffset: number;
  readonly length: number;
}

/** One blob of a layer: independent zstd frames of 1 MiB of content each, a table of their digests, a seek table. */
export interface LayerBlob {
  readonly kind: 'whole' | 'head' | 'window';
  /** Of the compressed bytes. */
  readonly digest: Digest;
  readonly sizeBytes: number;
  /** Of what the frames decompress to. */
  readonly contentDigest: Digest;
  readonly contentBytes: number;
  /** Of the skippable frames at the blob's end (digest table and seek table), to verify frames fetched alone. */
  readonly tablesDigest: Digest;
  readonly tablesBytes: number;
  /** Which window of the virtual disk: from `windowIndex * 512 MiB`. */
  readonly windowIndex?: number;
}

/** A layer of a chain somewhere else. */
export interface ShippedLayer {
  /** The name its children know it by: 32 hex digits. */
  readonly id: string;
  /** The layer below; absent for a base. */
  readonly parent?: string;
  /** The cache key of the step that made it, if known. */
  readonly key?: string;
  readonly form: LayerForm;
}
