/** HTTP_PROXY, HTTPS_PROXY and NO_PROXY, in either case; the lower-case name wins, as in curl. */
import { HyperfileError } from '../base/error.ts';
import { hostName, isLoopback } from './plain-http.ts';

export interface ProxyChoice {
  /** Its URL. It may hold a password: show it to nobody. */
  readonly proxy: string;
  readonly noProxy: string;
}

/**
 * The proxy for an origin, before NO_PROXY is looked at. What is on this machine is never asked for through one.
 *
 * @throws HyperfileError REGISTRY_PROXY_INVALID
 */
export function proxyFor(origin: string, env: NodeJS.ProcessEnv): ProxyChoice | undefined {
  const { protocol, host } = new URL(origin);
  const name = protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const value = eitherCase(env, name);
  if (!value || isLoopback(hostName(host))) return undefined;
  const proxy = value.includes('://') ? value : `http://${value}`;
  if (!/^(?:https?|socks5h?):$/.test(URL.parse(proxy)?.protocol ?? ''))
    throw new HyperfileError('REGISTRY_PROXY_INVALID', { data: { variable: name } });
  return { proxy, noProxy: eitherCase(env, 'NO_PROXY') ?? '' };
}

function eitherCase(env: NodeJS.ProcessEnv, name: string): string | undefined {
  return env[name.toLowerCase()] || env[name];
}
