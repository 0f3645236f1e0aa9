/**
 * Bearer tokens from a registry's token service (distribution's docs: spec/auth/token.md by GET, oauth2.md by POST). One
 * serves all requests whose scope it covers, until shortly before it expires.
 */
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import type { RegistryResponse } from './client.ts';
import type { Credentials } from './stored-credentials.ts';
import { refusalReason } from './refusal.ts';
import type { Exchange } from './transport.ts';

/** What a challenge says about the token service. */
export interface TokenSource {
  readonly realm: URL;
  readonly service?: string;
}

export interface TokenServiceOptions {
  /** The registry, for messages. */
  readonly registry: string;
  readonly send: (exchange: Exchange) => Promise<RegistryResponse>;
  readonly credentials: () => Promise<Credentials | undefined>;
  /** Asks for a refresh token, too: see {@link Tokens.refreshToken}. */
  readonly isLogin?: boolean;
}

interface HeldToken {
  readonly scopes: readonly string[];
  readonly askedMs: number;
  readonly token: Promise<IssuedToken>;
}

interface IssuedToken {
  readonly text: string;
  /** By this process's clock: a server's may be wrong. */
  readonly renewAtMs: number;
}

const CLIENT_ID = 'hyperfile';
const MAX_ANSWER_BYTES = 1 << 20;
/** What the specification has a token live when nothing is said. */
const DEFAULT_LIFETIME_SECONDS = 60;
/** Renewed so long before it ends: a request takes its time to arrive. */
const MARGIN_MS = 10_000;
const SENDABLE = /^[\x21-\x7e]+$/;

export class Tokens {
  readonly #options: TokenServiceOptions;
  #held: HeldToken[] = [];
  /** What a token service last gave to get further tokens with. */
  #refreshToken: string | undefined;

  constructor(options: TokenServiceOptions) {
    this.#options = options;
  }

  get refreshToken(): string | undefined {
    return this.#refreshToken;
  }

  /**
   * A token for all of these scopes.
   *
   * @param scopes - as a token service takes them: `repository:team/web:pull`
   * @throws HyperfileError REGISTRY_UNAUTHORIZED, REGISTRY_TOKEN_FAILED and what sending throws
   */
  async get(source: TokenSource, scopes: readonly string[]): Promise<string> {
    const needed = normalized(scopes);
    for (const held of this.#held.filter((one) => covers(one.scopes, needed))) {
      const { text, renewAtMs } = await held.token;
      if (performance.now() < renewAtMs) return text;
      this.#drop(held);
    }
    const held = { scopes: needed, askedMs: performance.now(), token: this.#issue(source, needed) };
    this.#held.push(held);
    held.token.catch(() => this.#drop(held));
    return (await held.token).text;
  }

  /**
   * A token was refused in a request of that moment: none from before is used again. Those for other scopes may be no
   * better, where tokens live for a shorter time than their service says.
   */
  forgetUntil(sentMs: number): void {
    this.#held = this.#held.filter(({ askedMs }) => askedMs > sentMs);
  }

  #drop(held: HeldToken): void {
    this.#held = this.#held.filter((one) => one !== held);
  }

  async #issue(source: TokenSource, scopes: readonly string[]): Promise<IssuedToken> {
    const askedMs = performance.now();
    const credentials = await this.#options.credentials();
    const identity =
      this.#refreshToken ?? (credentials?.kind === 'identity-token' ? credentials.token : undefined);
    const exchange =
      identity === undefined
        ? this.#query(source, scopes, credentials)
        : this.#form(source, scopes, identity);
    const answer = await this.#parse(await this.#options.send(exchange), source);
    const text = answer.token ?? answer.access_token;
    if (typeof text !== 'string' || !SENDABLE.test(text))
      throw this.#failed(source, 'its answer has no token');
    if (typeof answer.refresh_token === 'string' && answer.refresh_token !== '')
      this.#refreshToken = answer.refresh_token;
    const told = answer.expires_in;
    const lifetimeMs = (typeof told === 'number' && told > 0 ? told : DEFAULT_LIFETIME_SECONDS) * 1000;
    return { text, renewAtMs: askedMs + lifetimeMs - Math.min(MARGIN_MS, lifetimeMs / 5) };
  }

  #query({ realm, service }: TokenSource, scopes: readonly string[], credentials?: Credentials): Exchange {
    const url = new URL(realm);
    if (service !== undefined) url.searchParams.set('service', service);
    for (const scope of scopes) url.searchParams.append('scope', scope);
    if (credentials?.kind !== 'password') return { method: 'GET', url, headers: {} };
    url.searchParams.set('account', credentials.username);
    url.searchParams.set('client_id', CLIENT_ID);
    if (this.#options.isLogin) url.searchParams.set('offline_token', 'true');
    return { method: 'GET', url, headers: { authorization: basic(credentials) } };
  }

  #form({ realm, service }: TokenSource, scopes: readonly string[], refreshToken: string): Exchange {
    const form = new URLSearchParams({
      grant_type: 'refresh_token',
      client_id: CLIENT_ID,
      refresh_token: refreshToken,
      ...(service !== undefined && { service }),
      ...(scopes.length > 0 && { scope: scopes.join(' ') }),
    });
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { method: 'POST', url: realm, headers, body: Buffer.from(form.toString()) };
  }

  async #parse(response: RegistryResponse, source: TokenSource): Promise<Record<string, unknown>> {
    const { registry } = this.#options;
    if (response.status !== 200) {
      const { reason } = await refusalReason(response);
      if (![400, 401, 403].includes(response.status)) throw this.#failed(source, reason);
      throw new HyperfileError('REGISTRY_UNAUTHORIZED', { data: { registry, reason } });
    }
    try {
      const value: unknown = JSON.parse(Buffer.from(await response.bytes(MAX_ANSWER_BYTES)).toString());
      if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
    } catch (error) {
      if (isHyperfileError(error)) throw error;
      // A parser's message quotes the text, and that may hold a token.
    }
    throw this.#failed(source, 'its answer is not JSON');
  }

  #failed({ realm }: TokenSource, reason: string): HyperfileError {
    const { registry } = this.#options;
    return new HyperfileError('REGISTRY_TOKEN_FAILED', { data: { registry, service: realm.host, reason } });
  }
}

/** A header's value for the Basic scheme (RFC 7617, in UTF-8). */
export function basic({ username, password }: Credentials & { kind: 'password' }): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** One entry for each resource, with all of its actions, in an order of their own. */
function normalized(scopes: readonly string[]): string[] {
  const actions = new Map<string, Set<string>>();
  for (const scope of scopes) {
    const colon = scope.lastIndexOf(':');
    const resource = scope.slice(0, colon);
    const known = actions.get(resource) ?? new Set();
    for (const action of scope.slice(colon + 1).split(',')) known.add(action);
    actions.set(resource, known);
  }
  return [...actions].map(([resource, known]) => `${resource}:${[...known].sort().join(',')}`).sort();
}

function covers(held: readonly string[], needed: readonly string[]): boolean {
  const grants = new Set(held.flatMap(singly));
  return needed.flatMap(singly).every((one) => grants.has(one));
}

function singly(scope: string): string[] {
  const colon = scope.lastIndexOf(':');
  return scope
    .slice(colon + 1)
    .split(',')
    .map((action) => `${scope.slice(0, colon)}:${action}`);
}
