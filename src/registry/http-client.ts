/** The client of one registry: what it sends is authorized, redirected, tried again; what comes back is an answer or an error. */
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import { answerError } from './answer-error.ts';
import { Authorizer, scopesFor, type RefusedRequest } from './authorizer.ts';
import type { RegistryClient, RegistryRequest, RegistryResponse } from './client.ts';
import { isAbsence, proxyRefusal, spokeNoTls } from './connection-error.ts';
import { apiHost } from './default-registry.ts';
import { plainHttp, type PlainHttp } from './plain-http.ts';
import { followRedirects } from './redirects.ts';
import { PassingFailure, RETRY_POLICY, withRetries, type RetryPolicy } from './retry.ts';
import type { Credentials } from './stored-credentials.ts';
import { SILENCES, Transport, type Exchange, type Silences } from './transport.ts';

export interface RegistryClientOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Speak plain HTTP where there is no HTTPS, and take any certificate: the user said so. */
  readonly insecure?: boolean;
  /** Ends whatever the client is doing. */
  readonly signal?: AbortSignal;
  /** For people: why nothing moves at the moment. */
  readonly onNotice?: (message: string) => void;
  readonly userAgent?: string;
  /** In place of those found for the host; `null`: none. */
  readonly credentials?: Credentials | null;
  /** Asks a token service for a token to keep instead of the password: see {@link HttpClient.identityToken}. */
  readonly isLogin?: boolean;
  readonly retries?: RetryPolicy;
  readonly silences?: Silences;
}

/** A client for `host` (with its port). Nothing is sent or read yet. */
export function createRegistryClient(host: string, options: RegistryClientOptions): HttpClient {
  return new HttpClient(host, options);
}

type Scheme = 'http' | 'https';

const SCHEMES: Readonly<Record<PlainHttp, readonly Scheme[]>> = {
  no: ['https'],
  told: ['https', 'http'],
  loopback: ['http', 'https'],
};

export class HttpClient implements RegistryClient {
  readonly host: string;
  readonly #options: RegistryClientOptions;
  readonly #transport: Transport;
  readonly #authorizer: Authorizer;
  /** Those that may be right, the likeliest first. One is left once the registry has answered. */
  #schemes: readonly Scheme[];
  #hasAnswered = false;
  #credentials: Promise<Credentials | undefined> | undefined;

  constructor(host: string, options: RegistryClientOptions) {
    this.host = host;
    this.#options = options;
    const insecureHosts = options.insecure ? [apiHost(host)] : [];
    const plain = { env: options.env, insecureHosts };
    this.#transport = new Transport(plain, options.silences ?? SILENCES);
    this.#schemes = SCHEMES[plainHttp(apiHost(host), plain)];
    this.#authorizer = new Authorizer({
      registry: host,
      send: (exchange) => this.#retrying(exchange, () => this.#askTokenService(exchange)),
      credentials: () => (this.#credentials ??= this.#findCredentials()),
      isLogin: options.isLogin ?? false,
      isPlainAllowed: (url) => this.#transport.isPlainAllowed(url),
    });
  }

  /** What the registry's token service gave to be used in place of the password. */
  get identityToken(): string | undefined {
    return this.#authorizer.tokens.refreshToken;
  }

  send(request: RegistryRequest): Promise<RegistryResponse> {
    return this.#retrying(request, () => this.#authorized(request));
  }

  close(): Promise<void> {
    return this.#transport.close();
  }

  /** Tries again what may pass, unless the request must not be sent twice. */
  async #retrying(
    { signal, retry = true }: { readonly signal?: AbortSignal | undefined; readonly retry?: boolean },
    body: () => Promise<RegistryResponse>,
  ): Promise<RegistryResponse> {
    const policy = { ...(this.#options.retries ?? RETRY_POLICY), ...(!retry && { attempts: 1 }) };
    const onPause = ({ message }: HyperfileError, pauseMs: number): void => {
      if (pauseMs >= NOTICED_PAUSE_MS)
        this.#options.onNotice?.(`${message}; trying again in ${Math.ceil(pauseMs / 1000)} s`);
    };
    let absences = 0;
    return withRetries(policy, { signal: this.#signal(signal), onPause }, async () => {
      try {
        const answer = await body();
        this.#hasAnswered = true;
        return answer;
      } catch (error) {
        if (!isHyperfileError(error, 'REGISTRY_UNREACHABLE')) throw error;
        // A password does not become right with time.
        if (proxyRefusal(error) === 407) throw error;
        // Where nobody ever answered, a name is misspelt or a server is down: whoever waits should know soon.
        if (!this.#hasAnswered && isAbsence(error) && ++absences === ABSENCES) throw error;
        throw new PassingFailure(error);
      }
    });
  }

  /** The request with the credentials that the registry asks for. */
  async #authorized(request: RegistryRequest): Promise<RegistryResponse> {
    const scopes = scopesFor(request.scope);
    let authorization = await this.#authorizer.header(scopes);
    for (let renewals = 0; ; renewals++) {
      const refused = { refused: authorization, sentMs: performance.now() };
      const answer = await this.#ask(request, authorization);
      if (request.accept.includes(answer.status)) return answer;
      const better = await this.#afterRefusal(request, answer, refused, scopes);
      if (better === undefined || renewals === MOST_RENEWALS) throw await this.#errorFor(request, answer);
      await answer.discard();
      authorization = better;
    }
  }

  /** A better Authorization header after a 401 of the registry itself; undefined when nothing helps. */
  async #afterRefusal(
    request: RegistryRequest,
    answer: RegistryResponse,
    refused: RefusedRequest,
    scopes: readonly string[],
  ): Promise<string | undefined> {
    const isOwn = new URL(answer.url).origin === this.#origin(this.#schemes[0]);
    if (answer.status !== 401 || !isOwn) return undefined;
    const better = await this.#authorizer.learn(answer.headers['www-authenticate'], scopes, refused);
    // The sender finds out what arrived, and comes back; the next request will have what this one lacked.
    return request.retry === false ? undefined : better;
  }

  async #errorFor(
    request: RegistryRequest,
    answer: RegistryResponse,
  ): Promise<HyperfileError | PassingFailure> {
    const isLoggedIn = answer.status === 401 && (await this.#credentials) !== undefined;
    return answerError(answer, { registry: this.host, repository: request.scope.repository, isLoggedIn });
  }

  /** By the scheme that the registry speaks, which the first request finds out. */
  async #ask(request: RegistryRequest, authorization: string | undefined): Promise<RegistryResponse> {
    const [first = 'https', second] = this.#schemes;
    if (second === undefined) return this.#askBy(first, request, authorization);
    let problem: unknown;
    try {
      const answer = await this.#askBy(first, request, authorization);
      if (!mayExpectTls(answer)) return this.#settle(first, answer);
      await answer.discard();
    } catch (error) {
      if (!isHyperfileError(error, 'REGISTRY_UNREACHABLE')) throw error;
      problem = error;
    }
    try {
      return this.#settle(second, await this.#askBy(second, request, authorization));
    } catch (error) {
      // Plain HTTP was right, and the refusal was meant.
      const wasRight = problem === undefined && spokeNoTls(error);
      if (wasRight) return this.#settle(first, await this.#askBy(first, request, authorization));
      const isSecondsFault = !isHyperfileError(error, 'REGISTRY_UNREACHABLE') || spokeNoTls(problem);
      throw problem === undefined || isSecondsFault ? error : problem;
    }
  }

  #settle(scheme: Scheme, answer: RegistryResponse): RegistryResponse {
    this.#schemes = [scheme];
    return answer;
  }

  async #askBy(
    scheme: Scheme,
    request: RegistryRequest,
    authorization: string | undefined,
  ): Promise<RegistryResponse> {
    const origin = this.#origin(scheme);
    const url = new URL(request.url, origin);
    const { body, bodyBytes } = request;
    const makeBody = (): Exchange['body'] => (typeof body === 'function' ? body() : body);
    const content = makeBody();
    const headers = {
      'user-agent': this.#options.userAgent ?? 'hyperfile',
      ...request.headers,
      ...(bodyBytes !== undefined && { 'content-length': String(bodyBytes) }),
      ...(authorization !== undefined && url.origin === origin && { authorization }),
    };
    const exchange = { method: request.method, url, headers, signal: this.#signal(request.signal) };
    const withBody = content === undefined ? exchange : { ...exchange, body: content };
    // What must not be sent twice is not sent elsewhere either.
    if (request.retry === false) return this.#transport.exchange(withBody);
    return followRedirects(this.#transport, withBody, makeBody);
  }

  /** As URLs write it: in lower case, without a port that goes without saying. */
  #origin(scheme: Scheme = 'https'): string {
    return new URL(`${scheme}://${apiHost(this.host)}`).origin;
  }

  async #askTokenService(exchange: Exchange): Promise<RegistryResponse> {
    const headers = { 'user-agent': this.#options.userAgent ?? 'hyperfile', ...exchange.headers };
    const signed = { ...exchange, headers, signal: this.#signal(exchange.signal) };
    const answer = await followRedirects(this.#transport, signed, () => exchange.body);
    if (answer.status < 500 && answer.status !== 429) return answer;
    throw await answerError(answer, { registry: exchange.url.host, repository: '', isLoggedIn: false });
  }

  /** Helpers that are missing or broken must not keep anybody from what is open to all. */
  async #findCredentials(): Promise<Credentials | undefined> {
    const { credentials, env, onNotice } = this.#options;
    if (credentials !== undefined) return credentials ?? undefined;
    try {
      const { findCredentials } = await import('./stored-credentials.ts');
      return await findCredentials(this.host, env);
    } catch (error) {
      if (!isHyperfileError(error, 'REGISTRY_HELPER_FAILED')) throw error;
      onNotice?.(`${error.message}; going on without credentials`);
      return undefined;
    }
  }

  #signal(own: AbortSignal | undefined): AbortSignal | undefined {
    const signals = [own, this.#options.signal].filter((signal) => signal !== undefined);
    return signals.length > 1 ? AbortSignal.any(signals) : signals[0];
  }
}

/** The first refusal only tells what to ask for; a token that lives for a moment may be gone before it is used. */
const MOST_RENEWALS = 3;

/** How often nothing at all may be found at an address before that is believed. */
const ABSENCES = 3;

/** Shorter ones are nobody's business. */
const NOTICED_PAUSE_MS = 2000;

/** What a server says that expects TLS and is spoken to without. */
function mayExpectTls({ status, headers }: RegistryResponse): boolean {
  return (status === 400 || status === 497) && headers['docker-distribution-api-version'] === undefined;
}
