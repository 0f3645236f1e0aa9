/** Container images that tests make by hand, and the trees that they must unpack to. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { pack } from 'tar-stream';
import type { Descriptor } from '../../src/oci/descriptor.ts';
import { digestHex, digestOf } from '../../src/oci/digest.ts';
import { OCI_CONFIG, OCI_INDEX, OCI_MANIFEST } from '../../src/oci/media-types.ts';

type TarHeader = Parameters<ReturnType<typeof pack>['entry']>[0];

export interface LayerEntry extends Omit<TarHeader, 'name' | 'mtime'> {
  readonly name: string;
  /** Of a file. */
  readonly content?: string;
  /** Latin-1 text by name. */
  readonly xattrs?: Readonly<Record<string, string>>;
}

/** What setcap writes for cap_net_bind_service=p. */
export const CAPABILITY = `\x01\0\0\x02\0\x04${'\0'.repeat(14)}`;

const SECONDS = 1_600_000_000;

/** The tar of a layer. Names that end with `/` are directories. */
export async function layerTar(entries: readonly LayerEntry[]): Promise<Buffer> {
  const tar = pack();
  for (const { content = '', xattrs = {}, ...header } of entries) {
    const pax = Object.fromEntries(
      Object.entries(xattrs).map(([name, value]) => [`SCHILY.xattr.${name}`, value]),
    );
    const isDirectory = header.name.endsWith('/');
    tar.entry(
      {
        ...(isDirectory && { type: 'directory' as const, mode: 0o755 }),
        mtime: new Date(SECONDS * 1000),
        ...header,
        ...(Object.keys(pax).length > 0 && { pax }),
      },
      content,
    );
  }
  tar.finalize();
  return buffer(tar);
}

export interface HandMadeLayer {
  readonly tar: Buffer;
  readonly compression?: 'gzip' | 'zstd' | 'none';
  /** Instead of the one that fits. */
  readonly mediaType?: string;
}

export interface HandMadeImage {
  readonly layers: readonly HandMadeLayer[];
  /** `config` of the config. */
  readonly execution?: Readonly<Record<string, unknown>>;
  /** Fields that replace those of the config. */
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface Blobs {
  readonly blobs: ReadonlyMap<string, Buffer>;
  readonly manifest: Descriptor;
}

const COMPRESS = { gzip: gzipSync, zstd: zstdCompressSync, none: (tar: Buffer) => tar } as const;
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** The blobs of an image, and the descriptor of its manifest. */
export function imageBlobs({ layers, execution = {}, config = {} }: HandMadeImage): Blobs {
  const blobs = new Map<string, Buffer>();
  const add = (mediaType: string, bytes: Buffer): Descriptor => {
    const digest = digestOf(bytes);
    blobs.set(digest, bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const descriptors = layers.map(({ tar, compression = 'gzip', mediaType }) => {
    const suffix = compression === 'none' ? '' : `+${compression}`;
    const type = mediaType ?? `application/vnd.oci.image.layer.v1.tar${suffix}`;
    return add(type, COMPRESS[compression](tar));
  });
  const image = {
    created: '2024-01-02T03:04:05Z',
    os: 'linux',
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    config: execution,
    rootfs: { type: 'layers', diff_ids: layers.map(({ tar }) => digestOf(tar)) },
    history: layers.map((_, index) => ({ created_by: `/bin/sh -c #(nop) ADD layer ${index + 1}` })),
    ...config,
  };
  const configDescriptor = add(OCI_CONFIG, Buffer.from(JSON.stringify(image)));
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: configDescriptor,
    layers: descriptors,
  };
  return { manifest: add(OCI_MANIFEST, Buffer.from(JSON.stringify(manifest))), blobs };
}

/** Writes an OCI layout folder with one image under a tag. */
export function writeLayout(folder: string, tag: string, image: HandMadeImage): Blobs {
  const made = imageBlobs(image);
  mkdirSync(path.join(folder, 'blobs/sha256'), { recursive: true });
  for (const [digest, bytes] of made.blobs)
    writeFileSync(path.join(folder, 'blobs/sha256', digestHex(digest)), bytes);
  writeFileSync(path.join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const manifests = [{ ...made.manifest, annotations: { 'org.opencontainers.image.ref.name': tag } }];
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
  writeFileSync(path.join(folder, 'index.json'), JSON.stringify(index));
  return made;
}

/** The judge: where umoci unpacked an image of a layout. `bundle` does not exist yet. */
export function umociUnpack(folder: string, tag: string, bundle: string): string {
  execFileSync('umoci', ['unpack', '--image', `${folder}:${tag}`, bundle], { stdio: 'pipe' });
  return path.join(bundle, 'rootfs');
}

/**
 * Everything about every file of a tree but its times: path, type, mode, owner, device numbers, length and digest, link
 * target, attributes, and the first name of files that have several.
 */
export function listTree(root: string): string[] {
  const attributes = attributesOf(root);
  const firstNames = new Map<number, string>();
  const lines: string[] = [];
  const visit = (name: string): void => {
    const file = path.join(root, name);
    const stat = lstatSync(file);
    const kind = (stat.mode & 0o170000).toString(8);
    const parts = [name || '/', kind, (stat.mode & 0o7777).toString(8), `${stat.uid}:${stat.gid}`];
    if (stat.isFile()) parts.push(`${stat.size}`, sha256(file));
    if (stat.isSymbolicLink()) parts.push(readlinkSync(file));
    if (stat.isBlockDevice() || stat.isCharacterDevice()) parts.push(`${stat.rdev}`);
    if (!stat.isDirectory() && stat.nlink > 1) {
      const first = firstNames.get(stat.ino) ?? name;
      firstNames.set(stat.ino, first);
      parts.push(`= ${first}`);
    }
    lines.push([...parts, ...(attributes.get(file) ?? [])].join(' | '));
    if (!stat.isDirectory()) return;
    for (const entry of readdirSync(file).sort()) {
      if (name !== '' || entry !== 'lost+found') visit(path.join(name, entry));
    }
  };
  visit('');
  return lines;
}

function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

function attributesOf(root: string): Map<string, string[]> {
  const args = ['-R', '-P', '-h', '-d', '-m', '-', '-e', 'hex', '--absolute-names', '--', root];
  const dump = execFileSync('getfattr', args, { encoding: 'utf8', maxBuffer: 1 << 26 });
  const blocks = dump.split('\n\n').map((block) => block.split('\n'));
  return new Map(blocks.map(([head = '', ...lines]) => [head.replace('# file: ', ''), lines.sort()]));
}
