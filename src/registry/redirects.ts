/**
 * Redirects, followed with care: credentials go to no other origin, encryption is never given up on the way, and what
 * has a body goes elsewhere only when the server says that it stays the same request.
 */
import { HyperfileError } from '../base/error.ts';
import type { RegistryResponse } from './client.ts';
import type { Exchange, Transport } from './transport.ts';

const MAX_REDIRECTS = 6;
const SAME_REQUEST: readonly number[] = [307, 308];
const REDIRECTS: readonly number[] = [301, 302, 303, ...SAME_REQUEST];
/** Headers for one origin only. */
const PRIVATE: readonly string[] = ['authorization', 'cookie', 'proxy-authorization'];

/**
 * An exchange and those that its answer leads to. An answer that is a redirect which cannot be followed (an upload's
 * body that cannot be made again) is given back as it is.
 *
 * @throws HyperfileError REGISTRY_REDIRECT_REFUSED and what {@link Transport.exchange} throws
 */
export async function followRedirects(
  transport: Transport,
  exchange: Exchange,
  makeBody: () => Exchange['body'],
): Promise<RegistryResponse> {
  let current = exchange;
  for (let count = 0; ; count++) {
    const answer = await transport.exchange(current);
    const location = answer.headers.location;
    if (!REDIRECTS.includes(answer.status) || location === undefined) return answer;
    const isRead = current.method === 'GET' || current.method === 'HEAD';
    if (!isRead && !SAME_REQUEST.includes(answer.status)) return answer;
    await answer.discard();
    const target = URL.parse(location, current.url.href);
    const reason =
      count === MAX_REDIRECTS ? 'it redirects again and again' : refusal(transport, current.url, target);
    if (reason !== undefined || !target)
      throw new HyperfileError('REGISTRY_REDIRECT_REFUSED', {
        data: { registry: exchange.url.host, target: target?.host ?? 'nowhere', reason },
      });
    const body = makeBody();
    const headers = target.origin === current.url.origin ? current.headers : withoutPrivate(current.headers);
    current = { ...exchange, url: target, headers, ...(body !== undefined && { body }) };
  }
}

/** Why a redirect is not followed; undefined when it is. */
function refusal(transport: Transport, from: URL, target: URL | null): string | undefined {
  if (target?.protocol === 'https:') return undefined;
  if (target?.protocol !== 'http:') return 'it redirects to what is no web address';
  if (from.protocol === 'https:') return 'it redirects to a connection without encryption';
  return transport.isPlainAllowed(target) ? undefined : 'it redirects to a connection without encryption';
}

function withoutPrivate(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !PRIVATE.includes(name.toLowerCase())),
  );
}
