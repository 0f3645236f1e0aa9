/** Answers a registry's challenges: Basic, or a token that its service gives for what a request is about to do. */
import { HyperfileError } from '../base/error.ts';
import { parseChallenges, type Challenge } from './challenge.ts';
import type { RequestScope } from './client.ts';
import { Tokens, basic, type TokenServiceOptions, type TokenSource } from './tokens.ts';

export interface AuthorizerOptions extends TokenServiceOptions {
  /** Whether a URL may be asked for without encryption. */
  readonly isPlainAllowed: (url: URL) => boolean;
}

export interface RefusedRequest {
  /** Its Authorization header. */
  readonly refused: string | undefined;
  /** By `performance.now()`. */
  readonly sentMs: number;
}

type Known = { readonly scheme: 'basic' } | { readonly scheme: 'bearer'; readonly source: TokenSource };

export class Authorizer {
  readonly tokens: Tokens;
  readonly #options: AuthorizerOptions;
  /** What the registry last asked for. */
  #known: Known | undefined;

  constructor(options: AuthorizerOptions) {
    this.#options = options;
    this.tokens = new Tokens(options);
  }

  /**
   * The Authorization header for a request, as far as the registry has said what it wants; undefined is to be asked.
   *
   * @throws what {@link Tokens.get} throws
   */
  async header(scopes: readonly string[]): Promise<string | undefined> {
    if (!this.#known) return undefined;
    const credentials = await this.#options.credentials();
    if (credentials?.kind === 'registry-token') return `Bearer ${credentials.token}`;
    if (this.#known.scheme === 'bearer') return `Bearer ${await this.tokens.get(this.#known.source, scopes)}`;
    return credentials?.kind === 'password' ? basic(credentials) : undefined;
  }

  /**
   * Takes in the answer 401 to a request that was sent with the header `refused`.
   *
   * @returns a header that may do better; undefined when there is none
   * @throws HyperfileError REGISTRY_UNAUTHORIZED for a way to log in that we do not know, and what {@link header} throws
   */
  async learn(
    challengeHeader: string | undefined,
    scopes: readonly string[],
    { refused, sentMs }: RefusedRequest,
  ): Promise<string | undefined> {
    const challenges = parseChallenges(challengeHeader ?? '');
    const bearer = challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.realm);
    if (bearer) this.#known = { scheme: 'bearer', source: this.#tokenSource(bearer) };
    else if (challenges.some(({ scheme }) => scheme === 'basic')) this.#known = { scheme: 'basic' };
    else throw this.#unknown(challenges);
    if (refused?.startsWith('Bearer ')) this.tokens.forgetUntil(sentMs);
    const header = await this.header([...scopes, ...scopesOf(bearer)]);
    return header === refused ? undefined : header;
  }

  #tokenSource({ parameters }: Challenge): TokenSource {
    const { registry, isPlainAllowed } = this.#options;
    const { realm = '', service } = parameters;
    const url = URL.parse(realm);
    const isSafe = url?.protocol === 'https:' || (url?.protocol === 'http:' && isPlainAllowed(url));
    if (url && isSafe) return { realm: url, ...(service !== undefined && { service }) };
    const reason = url ? 'it is not reached by HTTPS' : 'its address is not a URL';
    throw new HyperfileError('REGISTRY_TOKEN_FAILED', {
      data: { registry, service: url?.host ?? 'without a name', reason },
    });
  }

  #unknown(challenges: readonly Challenge[]): HyperfileError {
    const schemes = challenges.map(({ scheme }) => scheme).join(', ');
    const reason = schemes === '' ? 'it does not say how to log in' : `it knows only ${schemes} to log in`;
    return new HyperfileError('REGISTRY_UNAUTHORIZED', {
      data: { registry: this.#options.registry, reason },
    });
  }
}

/** The scopes of a request as token services know them. */
export function scopesFor({ repository, push, alsoPull = [] }: RequestScope): string[] {
  const own = repository === '' ? [] : [`repository:${repository}:${push ? 'pull,push' : 'pull'}`];
  return [...own, ...alsoPull.map((path) => `repository:${path}:pull`)];
}

/** What the registry itself says a request needs. */
function scopesOf(challenge: Challenge | undefined): string[] {
  return (challenge?.parameters.scope ?? '').split(' ').filter((scope) => scope.includes(':'));
}
