/** A registry written by hand: it serves whatever it is given, true or not. */
import { createHash } from 'node:crypto';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { readdirSync, readFileSync } from 'node:fs';

export interface Descriptor {
  readonly mediaType: string;
  digest: string;
  size: number;
  readonly annotations?: Record<string, string>;
}

export interface Manifest {
  readonly config: Descriptor;
  readonly layers: Descriptor[];
}

/** The config's facts of one layer, base first. */
export interface LayerFacts {
  id: string;
  parent?: string;
  digest: string;
  size: number;
}

/** A true image, to be made untrue. */
export interface ImageParts {
  readonly manifest: Manifest;
  readonly config: { readonly layers: LayerFacts[] };
  readonly blobs: Map<string, Buffer>;
}

export const digestOf = (bytes: Uint8Array): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** The only image of an OCI layout. */
export function readLayout(folder: string): ImageParts {
  const blobs = new Map<string, Buffer>();
  const files = path.join(folder, 'blobs', 'sha256');
  for (const hex of readdirSync(files)) blobs.set(`sha256:${hex}`, readFileSync(path.join(files, hex)));
  const index = readJson<{ manifests: Descriptor[] }>(readFileSync(path.join(folder, 'index.json')));
  const manifest = readJson<Manifest>(blobs.get(index.manifests[0]?.digest ?? ''));
  const config = readJson<ImageParts['config']>(blobs.get(manifest.config.digest));
  return { manifest, config, blobs };
}

function readJson<T>(bytes: Buffer | undefined): T {
  return JSON.parse(String(bytes)) as T;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => boolean;

export class HostileRegistry {
  readonly host: string;
  /** The headers of everything that it was asked for. */
  readonly asked: { readonly url: string; readonly headers: IncomingHttpHeaders }[] = [];
  readonly #stop: () => void;
  readonly #blobs = new Map<string, Buffer>();
  readonly #manifests = new Map<string, Buffer>();
  /** Answers in place of the registry where it returns true. */
  onRequest: Handler = () => false;

  static async start(): Promise<HostileRegistry> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new HostileRegistry(server);
  }

  private constructor(server: ReturnType<typeof createServer>) {
    this.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      this.asked.push({ url: request.url ?? '', headers: request.headers });
      if (!this.onRequest(request, response)) this.#answer(request, response);
    });
    this.#stop = () => {
      server.closeAllConnections();
      server.close();
    };
  }

  /** Puts an image there as it is now: digest and size of its config follow, those of layers stay as they are. */
  put(name: string, { manifest, config, blobs }: ImageParts): string {
    const bytes = Buffer.from(JSON.stringify(config));
    const own = { ...manifest, config: { ...manifest.config, digest: digestOf(bytes), size: bytes.length } };
    for (const [digest, blob] of [...blobs, [own.config.digest, bytes] as const])
      this.#blobs.set(digest, blob);
    return this.putManifest(name, Buffer.from(JSON.stringify(own)));
  }

  /** Under the tag `1`. Returns the image's name. */
  putManifest(name: string, bytes: Buffer): string {
    this.#manifests.set(`/v2/${name}/manifests/1`, bytes);
    this.#manifests.set(`/v2/${name}/manifests/${digestOf(bytes)}`, bytes);
    return `${this.host}/${name}:1`;
  }

  /** What a digest stands for here, whatever it is. */
  putAs(path: string, bytes: Buffer): void {
    this.#manifests.set(path, bytes);
  }

  stop(): void {
    this.#stop();
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const url = request.url ?? '';
    const manifest = this.#manifests.get(url);
    const bytes = manifest ?? this.#blobs.get(url.slice(url.lastIndexOf('/') + 1));
    if (bytes === undefined) return void response.writeHead(404).end();
    const type = manifest ? 'application/vnd.oci.image.manifest.v1+json' : 'application/octet-stream';
    response.writeHead(200, { 'content-type': type, 'content-length': bytes.length });
    response.end(request.method === 'HEAD' ? undefined : bytes);
  }
}
