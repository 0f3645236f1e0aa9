/**
 * A token service as registries have it (distribution's docs: spec/auth/token.md, oauth.md): signs the JWTs that
 * docker-registry checks. Written down is what was asked for; how long tokens live can be changed at any time. It runs
 * in the test's own process: a test must not wait for a program in a way that blocks (`execFileSync`).
 */
import { createPrivateKey, randomUUID, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import type { TestCertificate } from './certificates.ts';

export const ISSUER = 'test-token-service';
/** docker-registry still takes a token this long after it has expired. */
const LEEWAY_SECONDS = 60;

export interface TokenRequest {
  readonly method: string;
  readonly scopes: readonly string[];
  /** Absent for an anonymous request. */
  readonly user?: string;
  /** Of a POST: `password` or `refresh_token`. */
  readonly grant?: string;
}

export interface TokenService {
  /** What the registry names in its challenges. */
  readonly realm: string;
  readonly requests: readonly TokenRequest[];
  /** Default 300. The registry refuses a token the moment this has passed. */
  lifetimeSeconds: number;
  /** Whether answers say how long a token lives. Default true. */
  tellsLifetime: boolean;
  /** Whether POST is understood. Default true. */
  speaksOauth: boolean;
  /** Whether anybody may pull. Default true. */
  anonymousPull: boolean;
  /** Refresh tokens that are valid: hand one out as an identity token. */
  readonly refreshTokens: Map<string, string>;
  stop(): Promise<void>;
}

interface Account {
  readonly username: string;
  readonly password: string;
}

export async function startTokenService(
  certificate: TestCertificate,
  account: Account,
): Promise<TokenService> {
  const requests: TokenRequest[] = [];
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const service: TokenService = {
    realm: `http://127.0.0.1:${port}/token`,
    requests,
    lifetimeSeconds: 300,
    tellsLifetime: true,
    speaksOauth: true,
    anonymousPull: true,
    refreshTokens: new Map(),
    stop: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', service.realm);
    const form = request.method === 'POST' ? new URLSearchParams(await text(request)) : undefined;
    if (form && !service.speaksOauth) return refuse(response, 404, 'there is no such page');
    const asked = form ?? url.searchParams;
    const scopes = asked.getAll('scope').flatMap((scope) => scope.split(' '));
    const user = form ? userOfForm(form) : userOfHeader(request.headers.authorization);
    const grant = form?.get('grant_type');
    requests.push({ method: request.method!, scopes, ...(user && { user }), ...(grant && { grant }) });
    if (user === null) return refuse(response, 401, 'incorrect username or password');
    const access = scopes.flatMap((scope) => grantedTo(user, scope));
    const token = signToken(asked.get('service') ?? '', user ?? '', access);
    const refresh = form || url.searchParams.has('offline_token') ? newRefreshToken(user) : undefined;
    const body = {
      ...(form ? { access_token: token } : { token }),
      ...(service.tellsLifetime && { expires_in: service.lifetimeSeconds }),
      ...(refresh && { refresh_token: refresh }),
    };
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
  }

  /** Undefined: anonymous. Null: wrong credentials. */
  function userOfHeader(header: string | undefined): string | null | undefined {
    if (header === undefined) return undefined;
    const [name, password] = Buffer.from(header.replace(/^Basic /, ''), 'base64')
      .toString()
      .split(':');
    return name === account.username && password === account.password ? name : null;
  }

  function userOfForm(form: URLSearchParams): string | null {
    if (form.get('grant_type') === 'refresh_token')
      return service.refreshTokens.get(form.get('refresh_token') ?? '') ?? null;
    const isRight = form.get('username') === account.username && form.get('password') === account.password;
    return isRight ? account.username : null;
  }

  function newRefreshToken(user: string | undefined): string | undefined {
    if (user === undefined) return undefined;
    const token = `refresh-${randomUUID()}`;
    service.refreshTokens.set(token, user);
    return token;
  }

  function grantedTo(user: string | undefined, scope: string): object[] {
    const [type, name, actions = ''] = scope.split(':');
    const open = service.anonymousPull ? ['pull'] : [];
    const granted = actions.split(',').filter((action) => user !== undefined || open.includes(action));
    return granted.length === 0 ? [] : [{ type, name, actions: granted }];
  }

  function signToken(audience: string, subject: string, access: readonly object[]): string {
    const now = Math.floor(Date.now() / 1000);
    const expiry = now + service.lifetimeSeconds - LEEWAY_SECONDS;
    const times = { exp: expiry, nbf: Math.min(now, expiry) - 1, iat: now };
    const claims = { iss: ISSUER, sub: subject, aud: audience, jti: randomUUID(), ...times, access };
    const header = { typ: 'JWT', alg: 'RS256', x5c: certificate.x5c };
    const signed = [header, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const key = createPrivateKey(readFileSync(certificate.keyFile));
    return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), key).toString('base64url')}`;
  }

  return service;
}

function refuse(response: ServerResponse, status: number, message: string): void {
  const body = { errors: [{ code: 'UNAUTHORIZED', message }] };
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(body));
}
