/**
 * A blob as one stream, however many connections it takes. After a break the rest is asked for by range; a server that
 * knows no ranges begins again, and what was passed on already is skipped.
 */
import { HyperfileError } from '../base/error.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { BlobBody, ReadBlobOptions, RepositoryOptions } from '../oci/repository.ts';
import type { RegistryResponse } from './client.ts';
import { blobUrl, invalidAnswer, type Endpoint } from './endpoint.ts';
import { Attempts, StallWatch, isPassing } from './patience.ts';

/**
 * The blob from `options.offset` on, at most `options.length` bytes of it. A server that knows no ranges gives it from
 * offset 0, up to the same end.
 *
 * @throws HyperfileError OCI_BLOB_MISSING, OCI_SIZE_MISMATCH, REGISTRY_ANSWER_INVALID; the last two also as errors of
 *   the stream, which ends with REGISTRY_TRANSFER_BROKEN when several attempts brought nothing more
 */
export async function readBlob(
  at: Endpoint,
  blob: Descriptor,
  { offset = 0, length = Infinity, signal }: ReadBlobOptions = {},
): Promise<BlobBody> {
  const url = blobUrl(at, blob.digest);
  const start = Math.min(offset, blob.size);
  const end = Math.min(start + length, blob.size);
  if (start === end) return { offset: start, stream: nothing() };
  const download = new Download(at, url, blob, end, signal);
  const first = await download.connect(start);
  return { offset: first.start, stream: download.stream(first) };
}

/** By one HEAD request. */
export async function hasBlob(
  at: Endpoint,
  blob: Descriptor,
  { signal }: RepositoryOptions = {},
): Promise<boolean> {
  const response = await at.client.send({
    method: 'HEAD',
    url: blobUrl(at, blob.digest),
    scope: { repository: at.path },
    accept: [200, 404],
    ...(signal && { signal }),
  });
  await response.discard();
  return response.status === 200;
}

/** The answer to one GET. */
interface Connection {
  readonly response: RegistryResponse;
  readonly watch: StallWatch;
  /** Where in the blob its body begins and ends. */
  readonly start: number;
  readonly end: number;
}

class Download {
  readonly #at: Endpoint;
  readonly #url: string;
  readonly #blob: Descriptor;
  /** One past the last byte that is wanted. */
  readonly #end: number;
  readonly #signal: AbortSignal | undefined;

  constructor(at: Endpoint, url: string, blob: Descriptor, end: number, signal: AbortSignal | undefined) {
    this.#at = at;
    this.#url = url;
    this.#blob = blob;
    this.#end = end;
    this.#signal = signal;
  }

  async connect(position: number): Promise<Connection> {
    const watch = new StallWatch(this.#signal);
    const isPart = position > 0 || this.#end < this.#blob.size;
    const response = await this.#at.client.send({
      method: 'GET',
      url: this.#url,
      scope: { repository: this.#at.path },
      headers: {
        'accept-encoding': 'identity',
        ...(isPart && { range: `bytes=${position}-${this.#end - 1}` }),
      },
      accept: [200, 206, 404, 416],
      signal: watch.signal,
    });
    try {
      return { response, watch, ...this.#extent(response, position) };
    } catch (error) {
      await response.discard();
      throw error;
    }
  }

  async *stream(first: Connection): AsyncGenerator<Uint8Array, void, undefined> {
    const attempts = new Attempts(this.#at.patience, this.#signal);
    let position = first.start;
    let connection: Connection | undefined = first;
    for (;;) {
      let problem: unknown;
      try {
        connection ??= await this.connect(position);
        for await (const piece of this.#pieces(connection, position)) {
          position += piece.length;
          yield piece;
        }
        if (position === this.#end) return;
        problem = new Error('the answer ended too soon');
      } catch (error) {
        if (!isPassing(error)) throw error;
        problem = error;
      }
      connection = undefined;
      if (!(await attempts.again(position))) throw this.#broken(problem, attempts.failures, position);
    }
  }

  /** Where in the blob the body of an answer lies. */
  #extent({ status, headers }: RegistryResponse, position: number): { start: number; end: number } {
    const { size, digest } = this.#blob;
    if (status === 404)
      throw new HyperfileError('OCI_BLOB_MISSING', { data: { name: this.#at.name, digest } });
    if (status === 416) throw this.#sizeMismatch(/\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1]);
    if (status === 200) {
      const length = headers['content-length'];
      if (length !== undefined && Number(length) !== size) throw this.#sizeMismatch(length);
      return { start: 0, end: size };
    }
    const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers['content-range'] ?? '');
    const [start, last, total] = range ? range.slice(1) : [];
    if (total !== undefined && total !== '*' && Number(total) !== size) throw this.#sizeMismatch(total);
    const end = Number(last) + 1;
    if (Number(start) !== position || end <= position || end > this.#end)
      throw invalidAnswer(
        this.#at,
        `it was asked for bytes ${position} to ${this.#end - 1} of ${digest} and gave others`,
      );
    return { start: position, end };
  }

  /** What an answer holds from `position` to the end that is wanted. */
  async *#pieces({ response, watch, start, end }: Connection, position: number): AsyncGenerator<Uint8Array> {
    let arrived = start;
    const { stallMs } = this.#at.patience;
    try {
      watch.expect(stallMs);
      for await (const piece of response.body) {
        watch.got(piece.length);
        const wanted = piece.subarray(Math.max(0, position - arrived), Math.max(0, this.#end - arrived));
        arrived += piece.length;
        if (arrived > end) throw this.#sizeMismatch(`at least ${arrived}`);
        if (wanted.length > 0) yield wanted;
        if (arrived >= this.#end && end > this.#end) return;
        watch.expect(stallMs);
      }
    } catch (error) {
      throw watch.reason(error);
    } finally {
      watch.end();
    }
  }

  #sizeMismatch(found = 'fewer'): HyperfileError {
    const { digest, size } = this.#blob;
    return new HyperfileError('OCI_SIZE_MISMATCH', {
      data: { name: `${this.#at.name}@${digest}`, expected: size, found },
    });
  }

  #broken(cause: unknown, attempts: number, position: number): HyperfileError {
    return new HyperfileError('REGISTRY_TRANSFER_BROKEN', {
      data: {
        name: this.#at.name,
        digest: this.#blob.digest,
        attempts,
        doneBytes: position,
        reason: cause instanceof Error ? cause.message : String(cause),
      },
      cause,
    });
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
