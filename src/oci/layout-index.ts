/**
 * The `index.json` of an OCI layout: which manifests it holds and how they are called (image-spec, image-layout.md).
 * What other programs wrote into it stays as it is.
 */
import { canonicalJson } from '../base/canonical-json.ts';
import type { Descriptor } from './descriptor.ts';
import { isDigest, type Digest } from './digest.ts';
import { Fields, type Refuse } from './fields.ts';
import { readDescriptor } from './manifest.ts';
import { OCI_INDEX } from './media-types.ts';
import { DEFAULT_TAG } from './reference.ts';

/** Says what a manifest is called in its layout. */
const REF_NAME = 'org.opencontainers.image.ref.name';
/** The whole name, as containerd and `docker save` write it. */
const IMAGE_NAME = 'io.containerd.image.name';
const MAX_ENTRIES = 100_000;

interface Entry {
  readonly descriptor: Descriptor;
  /** As it was read, with what we do not know. */
  readonly json: unknown;
}

export class LayoutIndex {
  readonly #json: Readonly<Record<string, unknown>>;
  readonly #entries: readonly Entry[];

  private constructor(json: Readonly<Record<string, unknown>>, entries: readonly Entry[]) {
    this.#json = json;
    this.#entries = entries;
  }

  static readonly empty = new LayoutIndex({ schemaVersion: 2, mediaType: OCI_INDEX }, []);

  /** `name` is what errors call the layout. @throws HyperfileError OCI_DIGEST_UNSUPPORTED, and what `refuse` makes */
  static parse(bytes: Uint8Array, name: string, refuse: Refuse): LayoutIndex {
    const fields = Fields.parse(bytes, refuse);
    if (fields.get('schemaVersion') !== 2) throw fields.error('schemaVersion', '2');
    const entries = fields
      .objects('manifests', MAX_ENTRIES)
      .map((entry) => ({ descriptor: readDescriptor(entry, name), json: entry.all() }));
    return new LayoutIndex(fields.all(), entries);
  }

  get descriptors(): readonly Descriptor[] {
    return this.#entries.map(({ descriptor }) => descriptor);
  }

  /** Names of the manifests, in their order. */
  tags(): string[] {
    return [...new Set(this.descriptors.flatMap((descriptor) => nameOf(descriptor) ?? []))];
  }

  /**
   * By digest, by name, or by the last part of a name (`web:1`, `1`) that is nobody else's. The only manifest there is
   * goes by `latest` too.
   */
  find(reference: string): Descriptor | undefined {
    const { descriptors } = this;
    if (isDigest(reference)) return descriptors.find(({ digest }) => digest === reference);
    // The last one counts, as with files of an archive.
    const named =
      descriptors.findLast((descriptor) => nameOf(descriptor) === reference) ??
      descriptors.findLast(({ annotations }) => annotations?.[IMAGE_NAME] === reference) ??
      onlyOne(descriptors.filter((descriptor) => endsWith(nameOf(descriptor), reference)));
    return named ?? (reference === DEFAULT_TAG ? onlyOne(descriptors) : undefined);
  }

  /**
   * With one more manifest. It takes its tag from whichever had it, and the manifests that it names itself need no entry
   * of their own any more.
   */
  with(descriptor: Descriptor, tag: string | undefined, children: readonly Digest[]): LayoutIndex {
    const isReplaced = ({ descriptor: other }: Entry): boolean => {
      const name = nameOf(other);
      if (name !== undefined) return name === tag;
      return children.includes(other.digest) || (tag !== undefined && other.digest === descriptor.digest);
    };
    const kept = this.#entries.filter((entry) => !isReplaced(entry));
    if (tag === undefined && kept.some((entry) => entry.descriptor.digest === descriptor.digest))
      return new LayoutIndex(this.#json, kept);
    const { mediaType, digest, size, artifactType, platform } = descriptor;
    const annotations = tag === undefined ? undefined : { [REF_NAME]: tag };
    const json = { mediaType, digest, size, artifactType, annotations, platform };
    const added = { mediaType, digest, size, ...(annotations && { annotations }) };
    return new LayoutIndex(this.#json, [...kept, { descriptor: added, json }]);
  }

  encode(): string {
    return canonicalJson({ ...this.#json, manifests: this.#entries.map(({ json }) => json) });
  }
}

function nameOf({ annotations }: Descriptor): string | undefined {
  return annotations?.[REF_NAME];
}

/** Does a name end with these parts? */
function endsWith(name: string | undefined, end: string): boolean {
  return name !== undefined && (name.endsWith(`/${end}`) || name.endsWith(`:${end}`));
}

/** The manifest that all entries stand for. */
function onlyOne(descriptors: readonly Descriptor[]): Descriptor | undefined {
  return new Set(descriptors.map(({ digest }) => digest)).size === 1 ? descriptors[0] : undefined;
}
