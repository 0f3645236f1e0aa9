/** One HTTP exchange: through the right proxy, with the right certificates, and with errors that are ours. */
import type { Dispatcher } from 'undici';
import { HyperfileError } from '../base/error.ts';
import { answerOf } from './answer.ts';
import type { RegistryResponse } from './client.ts';
import { connectionError } from './connection-error.ts';
import { plainHttp, type PlainHttpOptions } from './plain-http.ts';
import { proxyFor } from './proxies.ts';
import { tlsOptions } from './tls.ts';

export interface Exchange {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | AsyncIterable<Uint8Array>;
  readonly signal?: AbortSignal | undefined;
}

/** How long a server may keep silent. */
export interface Silences {
  readonly connectMs: number;
  /** Before the head of its answer is complete. */
  readonly answerMs: number;
  /** The same after a request that brought a body: what it was sent may have to be moved and hashed. */
  readonly digestMs: number;
  /** Between two pieces of a body. */
  readonly bodyMs: number;
}

export const SILENCES: Silences = { connectMs: 15_000, answerMs: 60_000, digestMs: 300_000, bodyMs: 60_000 };

export class Transport {
  readonly #options: PlainHttpOptions;
  readonly #silences: Silences;
  /** By origin. */
  readonly #dispatchers = new Map<string, Promise<Dispatcher>>();

  constructor(options: PlainHttpOptions, silences = SILENCES) {
    this.#options = options;
    this.#silences = silences;
  }

  /** Whether a URL may be asked for without encryption. */
  isPlainAllowed(url: URL): boolean {
    return plainHttp(url.host, this.#options) !== 'no';
  }

  /**
   * Any status is an answer.
   *
   * @throws HyperfileError REGISTRY_UNREACHABLE, REGISTRY_TLS_UNTRUSTED, INTERRUPTED; REGISTRY_CERTIFICATE_INVALID,
   *   REGISTRY_PROXY_INVALID
   */
  async exchange({ method, url, headers, body, signal }: Exchange): Promise<RegistryResponse> {
    if (signal?.aborted) throw new HyperfileError('INTERRUPTED');
    const [{ default: request }, dispatcher] = await Promise.all([
      import('undici/lib/api/api-request.js'),
      this.#dispatcher(url.origin),
    ]);
    const { answerMs, digestMs } = this.#silences;
    try {
      const response = await request.call(dispatcher, {
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers,
        body: (body ?? null) as Dispatcher.DispatchOptions['body'],
        headersTimeout: body === undefined ? answerMs : digestMs,
        ...(signal && { signal }),
      });
      return answerOf(response, url, signal);
    } catch (error) {
      throw connectionError(error, url, signal);
    }
  }

  async close(): Promise<void> {
    const dispatchers = await Promise.allSettled(this.#dispatchers.values());
    this.#dispatchers.clear();
    for (const result of dispatchers) if (result.status === 'fulfilled') await result.value.destroy();
  }

  #dispatcher(origin: string): Promise<Dispatcher> {
    let dispatcher = this.#dispatchers.get(origin);
    if (!dispatcher) {
      dispatcher = this.#open(origin);
      this.#dispatchers.set(origin, dispatcher);
    }
    return dispatcher;
  }

  /** One agent an origin, so that no host is shown the certificate of another. */
  async #open(origin: string): Promise<Dispatcher> {
    const { host, protocol } = new URL(origin);
    const { connectMs, bodyMs } = this.#silences;
    const isUnchecked = plainHttp(host, this.#options) === 'told';
    const tls = protocol === 'https:' ? await tlsOptions(host, this.#options.env) : {};
    const connect = { ...tls, ...(isUnchecked && { rejectUnauthorized: false }), timeout: connectMs };
    // Uploads side by side are faster over connections of their own than as streams of one.
    const settings = { connect, bodyTimeout: bodyMs, allowH2: false };
    const choice = proxyFor(origin, this.#options.env);
    if (!choice) {
      const { default: Agent } = await import('undici/lib/dispatcher/agent.js');
      return new Agent(settings);
    }
    const { EnvHttpProxyAgent } = await import('undici');
    const { proxy: url, noProxy } = choice;
    const proxies = { httpProxy: url, httpsProxy: url, noProxy };
    return new EnvHttpProxyAgent({ ...settings, ...proxies, requestTls: connect });
  }
}
