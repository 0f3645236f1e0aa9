/**
 * The upload and download half of a registry, as the specification has it, in this process: it keeps what arrived
 * before a connection broke, and can be strict, forgetful or wrong on demand.
 */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { digestOf, type Digest } from '../../src/oci/digest.ts';

export interface SpecRegistry {
  readonly host: string;
  readonly url: string;
  readonly blobs: Map<Digest, Buffer>;
  /** Larger bodies are answered 413. */
  maxBodyBytes: number;
  /** Announced; smaller chunks are refused, but for the last. */
  chunkMinBytes: number;
  takesPatch: boolean;
  knowsRanges: boolean;
  /** Bytes that came with PATCH or PUT. */
  receivedBytes: number;
  forgetUploads(): void;
  stop(): Promise<void>;
}

type Answer = (status: number, headers?: http.OutgoingHttpHeaders, body?: string | Buffer) => void;

export async function startSpecRegistry(): Promise<SpecRegistry> {
  const uploads = new Map<string, Buffer[]>();
  const blobs = new Map<Digest, Buffer>();
  const server = http.createServer((request, response) => {
    request.on('error', () => {});
    const answer: Answer = (status, headers = {}, body = '') => {
      response.writeHead(status, headers);
      response.end(request.method === 'HEAD' ? '' : body);
    };
    serve(request, answer).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const registry: SpecRegistry = {
    host,
    url: `http://${host}`,
    blobs,
    maxBodyBytes: Infinity,
    chunkMinBytes: 0,
    takesPatch: true,
    knowsRanges: true,
    receivedBytes: 0,
    forgetUploads: () => uploads.clear(),
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  async function serve(request: http.IncomingMessage, answer: Answer): Promise<void> {
    const url = new URL(request.url ?? '', registry.url);
    const id = /\/uploads\/(.+)$/.exec(url.pathname)?.[1];
    if (id !== undefined) return serveUpload(request, answer, id, url);
    if (request.method === 'POST') {
      const fresh = randomUUID();
      uploads.set(fresh, []);
      const minimum = registry.chunkMinBytes > 0 && { 'oci-chunk-min-length': registry.chunkMinBytes };
      return answer(202, { location: `${url.pathname}${fresh}`, range: '0-0', ...minimum });
    }
    const blob = blobs.get(decodeURIComponent(url.pathname.split('/').at(-1) ?? ''));
    if (!blob) return answer(404, {}, problem('BLOB_UNKNOWN'));
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '');
    if (!range || !registry.knowsRanges) return answer(200, { 'content-length': blob.length }, blob);
    const [start, end] = [Number(range[1]), Math.min(Number(range[2]) + 1, blob.length)];
    const headers = {
      'content-range': `bytes ${start}-${end - 1}/${blob.length}`,
      'content-length': end - start,
    };
    answer(206, headers, blob.subarray(start, end));
  }

  async function serveUpload(
    request: http.IncomingMessage,
    answer: Answer,
    id: string,
    { pathname, searchParams }: URL,
  ): Promise<void> {
    const upload = uploads.get(id);
    const { method } = request;
    const length = Number(request.headers['content-length'] ?? 0);
    if (length > registry.maxBodyBytes)
      return drained(request, () => answer(413, {}, problem('SIZE_INVALID')));
    if (!upload) return drained(request, () => answer(404, {}, problem('BLOB_UPLOAD_UNKNOWN')));
    const state = (): http.OutgoingHttpHeaders => ({
      location: `${pathname}?at=${sizeOf(upload)}`,
      range: `0-${Math.max(0, sizeOf(upload) - 1)}`,
    });
    if (method === 'GET') return answer(204, state());
    if (method === 'DELETE') return void (uploads.delete(id), answer(204));
    if (method === 'PATCH' && !registry.takesPatch) return drained(request, () => answer(405));
    const begin = /^(\d+)-/.exec(request.headers['content-range'] ?? '')?.[1] ?? '0';
    if (method === 'PATCH' && Number(begin) !== sizeOf(upload))
      return drained(request, () => answer(416, state()));
    for await (const chunk of request) {
      upload.push(chunk as Buffer);
      registry.receivedBytes += (chunk as Buffer).length;
    }
    if (method === 'PATCH') return answer(202, state());
    const bytes = Buffer.concat(upload);
    const digest = digestOf(bytes);
    uploads.delete(id);
    if (digest !== searchParams.get('digest')) return answer(400, {}, problem('DIGEST_INVALID'));
    blobs.set(digest, bytes);
    answer(201, { 'docker-content-digest': digest });
  }
  return registry;
}

function sizeOf(upload: readonly Buffer[]): number {
  return upload.reduce((total, { length }) => total + length, 0);
}

async function drained(request: http.IncomingMessage, then: () => void): Promise<void> {
  for await (const _ of request);
  then();
}

function problem(code: string): string {
  return JSON.stringify({ errors: [{ code, message: `the test's registry says ${code}` }] });
}
