/**
 * The requests of one blob upload (distribution-spec, "Pushing blobs"), and what their answers mean for it. Which one
 * comes next is decided in upload.ts.
 */
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import type { Descriptor } from '../oci/descriptor.ts';
import type { RegistryRequest, RegistryResponse } from './client.ts';
import { locationOf, uploadUrl, type Endpoint } from './endpoint.ts';
import { StallWatch } from './patience.ts';
import { refusalReason } from './refusal.ts';
import { retryAfterMs } from './retry.ts';

export interface UploadSession {
  /** Where its next request goes. */
  readonly url: string;
  /** How many bytes the registry has. */
  readonly offset: number;
}

export interface StartedUpload extends UploadSession {
  /** What a PATCH must bring at least, but for the last one. */
  readonly chunkMinBytes?: number;
}

/** What became of a PATCH or PUT. */
export type Outcome =
  | { readonly kind: 'went-on'; readonly session: UploadSession }
  | { readonly kind: 'stored' }
  /** The connection broke, or the registry could not be reached. */
  | { readonly kind: 'broken'; readonly cause: unknown }
  /** The session stands, but nobody knows where; `waitMs`: what the registry asked for. */
  | { readonly kind: 'unsure'; readonly reason: string; readonly waitMs?: number }
  /** What was sent does not begin where the registry's bytes end. */
  | { readonly kind: 'misplaced'; readonly reason: string }
  | { readonly kind: 'session-lost'; readonly reason: string }
  | { readonly kind: 'too-large'; readonly reason: string }
  | { readonly kind: 'wrong-digest'; readonly reason: string }
  | { readonly kind: 'refused'; readonly reason: string };

/** A PATCH or PUT is answered with one of these; what else there is (401, 403) is the client's to tell. */
const ANSWERS = [200, 201, 202, 204, 400, 404, 405, 411, 413, 416, 422, 429, 500, 501, 502, 503, 504];

export class UploadRequests {
  readonly #at: Endpoint;
  readonly #blob: Descriptor;
  readonly #signal: AbortSignal | undefined;

  constructor(at: Endpoint, blob: Descriptor, signal: AbortSignal | undefined) {
    this.#at = at;
    this.#blob = blob;
    this.#signal = signal;
  }

  async start(): Promise<StartedUpload> {
    return this.#started(await this.#send({ method: 'POST', url: uploadUrl(this.#at), accept: [202] }));
  }

  /**
   * Asks for the blob to be taken over from the repository `from` of the same registry.
   *
   * @returns an upload's beginning where the registry would rather have the bytes, nothing where it will not hear of it
   */
  async mount(from: string): Promise<'mounted' | StartedUpload | undefined> {
    const url = uploadUrl(this.#at, { digest: this.#blob.digest, from });
    try {
      const response = await this.#send({
        method: 'POST',
        url,
        scope: { repository: this.#at.path, push: true, alsoPull: [from] },
        accept: [201, 202, 400, 404, 405],
      });
      if (response.status === 202) return this.#started(response);
      await response.discard();
      return response.status === 201 ? 'mounted' : undefined;
    } catch (error) {
      // Whoever may not read the other repository can still push the bytes.
      if (isHyperfileError(error, 'REGISTRY_UNAUTHORIZED', 'REGISTRY_DENIED', 'REGISTRY_NOT_FOUND'))
        return undefined;
      throw error;
    }
  }

  /** How far an upload is; nothing when the registry has forgotten it. */
  async state({ url }: UploadSession): Promise<UploadSession | undefined> {
    const response = await this.#send({ method: 'GET', url, accept: [200, 202, 204, 400, 404, 405] });
    await response.discard();
    if (response.status >= 400) return undefined;
    const offset = receivedBytes(response) ?? 0;
    return offset > this.#blob.size ? undefined : { url: this.#next(response, url), offset };
  }

  /** One piece of the blob. Bodies that stream are never sent twice: whoever sends them asks for the state first. */
  async patch(
    session: UploadSession,
    bytes: number,
    body: () => AsyncIterable<Uint8Array>,
  ): Promise<Outcome> {
    const end = session.offset + bytes;
    const isWhole = session.offset === 0 && end === this.#blob.size;
    const response = await this.#sendBody(body, {
      method: 'PATCH',
      url: session.url,
      headers: {
        'content-type': 'application/octet-stream',
        // Registries that limit the size of a chunk take a stream without a range for what it is.
        ...(!isWhole && { 'content-range': `${session.offset}-${end - 1}` }),
      },
      bodyBytes: bytes,
      accept: ANSWERS,
    });
    if (response.status >= 300) return this.#problem(response);
    await response.discard();
    const offset = receivedBytes(response) ?? end;
    if (offset > end) return { kind: 'session-lost', reason: 'it claims to have more than it was sent' };
    return { kind: 'went-on', session: { url: this.#next(response, session.url), offset } };
  }

  /** Ends the upload, with all the bytes when there is a body. */
  async put({ url }: UploadSession, body?: () => AsyncIterable<Uint8Array>): Promise<Outcome> {
    const { digest, size } = this.#blob;
    const response = await this.#sendBody(body, {
      method: 'PUT',
      url: `${url}${url.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`,
      headers: { 'content-type': 'application/octet-stream' },
      bodyBytes: body ? size : 0,
      accept: ANSWERS,
    });
    if (response.status >= 300) return this.#problem(response);
    await response.discard();
    if (response.status === 202)
      return { kind: 'unsure', reason: 'it has accepted the blob, but not yet stored it' };
    const stored = response.headers['docker-content-digest'];
    if (stored?.startsWith('sha256:') && stored !== digest)
      return { kind: 'wrong-digest', reason: `it stored ${stored}` };
    return { kind: 'stored' };
  }

  /** Tells the registry that nothing more comes; it does not matter whether it hears. */
  async cancel({ url }: UploadSession): Promise<void> {
    try {
      const response = await this.#send({
        method: 'DELETE',
        url,
        accept: [200, 202, 204, 400, 404, 405],
        retry: false,
      });
      await response.discard();
    } catch (error) {
      if (!(error instanceof HyperfileError)) throw error;
    }
  }

  #send(request: Omit<RegistryRequest, 'scope'> & Partial<RegistryRequest>): Promise<RegistryResponse> {
    const scope = { repository: this.#at.path, push: true };
    return this.#at.client.send({ scope, ...(this.#signal && { signal: this.#signal }), ...request });
  }

  /** Gives up when nothing moves. */
  async #sendBody(
    body: (() => AsyncIterable<Uint8Array>) | undefined,
    request: Omit<RegistryRequest, 'scope'>,
  ): Promise<RegistryResponse> {
    const { stallMs, answerMs } = this.#at.patience;
    const watch = new StallWatch(this.#signal);
    if (!body) watch.expect(answerMs);
    const watched = async function* (): AsyncGenerator<Uint8Array> {
      for await (const piece of body?.() ?? []) {
        watch.expect(stallMs);
        yield piece;
        watch.got(piece.length);
      }
      watch.expect(answerMs);
    };
    try {
      return await this.#send({
        ...request,
        body: body ? watched : new Uint8Array(),
        retry: !body,
        signal: watch.signal,
      });
    } catch (error) {
      throw watch.reason(error);
    } finally {
      watch.end();
    }
  }

  async #started(response: RegistryResponse): Promise<StartedUpload> {
    await response.discard();
    const minimum = response.headers['oci-chunk-min-length'];
    const hasMinimum = minimum !== undefined && /^[1-9]\d{0,12}$/.test(minimum);
    return {
      url: locationOf(this.#at, response),
      offset: 0,
      ...(hasMinimum && { chunkMinBytes: Number(minimum) }),
    };
  }

  #next(response: RegistryResponse, url: string): string {
    return response.headers.location === undefined ? url : locationOf(this.#at, response);
  }

  async #problem(response: RegistryResponse): Promise<Outcome> {
    const { status } = response;
    const { codes, reason } = await refusalReason(response);
    if (status === 416) return { kind: 'misplaced', reason };
    if (status === 429 || (status >= 500 && status !== 501)) {
      const waitMs = retryAfterMs(response.headers['retry-after']);
      return { kind: 'unsure', reason, ...(waitMs !== undefined && { waitMs }) };
    }
    if (status === 413) return { kind: 'too-large', reason };
    if (codes.includes('DIGEST_INVALID')) return { kind: 'wrong-digest', reason };
    const isUnknown = codes.some((code) => code === 'BLOB_UPLOAD_UNKNOWN' || code === 'BLOB_UPLOAD_INVALID');
    if (status === 404 || isUnknown) return { kind: 'session-lost', reason };
    if (codes.includes('SIZE_INVALID')) return { kind: 'too-large', reason };
    return { kind: 'refused', reason };
  }
}

/** `Range: 0-N` of an upload counts what was received; `0-0` is how registries say "nothing". */
function receivedBytes({ headers }: RegistryResponse): number | undefined {
  const last = /^(?:bytes=)?0-(\d{1,15})$/.exec(headers.range ?? '')?.[1];
  return last === undefined ? undefined : last === '0' ? 0 : Number(last) + 1;
}
