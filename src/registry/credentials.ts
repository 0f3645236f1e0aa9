/** Logging in to a registry and out again. */
import { HyperfileError, isHyperfileError } from '../base/error.ts';
import { registryHost } from './default-registry.ts';
import { dockerConfigPath } from './docker-config.ts';
import { createRegistryClient, type RegistryClientOptions } from './http-client.ts';
import { eraseCredentials, storeCredentials, type Credentials } from './stored-credentials.ts';

export { findCredentials, type Credentials } from './stored-credentials.ts';

export interface LoginOptions extends Pick<
  RegistryClientOptions,
  'env' | 'insecure' | 'signal' | 'onNotice' | 'userAgent' | 'retries'
> {
  readonly username: string;
  readonly password: string;
}

export interface LoginResult {
  readonly host: string;
  /** A helper program, or the file that now holds the credentials unencrypted. */
  readonly keptBy: { readonly helper: string } | { readonly file: string };
  /** What is kept is a token that stands for the password, not the password. */
  readonly isToken: boolean;
}

/**
 * Shows the registry these credentials, and keeps them when it takes them.
 *
 * @param registry - a host, or the URL of one; the default registry when absent
 * @throws HyperfileError REGISTRY_UNAUTHORIZED, REGISTRY_HOST_INVALID, REGISTRY_CONFIG_INVALID, REGISTRY_HELPER_FAILED,
 *   and what a request throws
 */
export async function login(registry: string | undefined, options: LoginOptions): Promise<LoginResult> {
  const host = registryHost(registry, options.env);
  const credentials = await verify(host, options);
  const helper = await storeCredentials(host, options.username, credentials, options.env);
  const keptBy = helper === undefined ? { file: dockerConfigPath(options.env) } : { helper };
  return { host, keptBy, isToken: credentials.kind !== 'password' };
}

/**
 * Forgets the credentials for a registry.
 *
 * @returns the registry's host, and whether there were any
 * @throws HyperfileError REGISTRY_HOST_INVALID, REGISTRY_CONFIG_INVALID, REGISTRY_HELPER_FAILED
 */
export async function logout(
  registry: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly host: string; readonly wasLoggedIn: boolean }> {
  const host = registryHost(registry, env);
  return { host, wasLoggedIn: await eraseCredentials(host, env) };
}

/** @returns what to keep: a token where the registry's token service gives one, else the password */
async function verify(host: string, { username, password, ...options }: LoginOptions): Promise<Credentials> {
  const credentials: Credentials = { kind: 'password', username, password };
  const client = createRegistryClient(host, { ...options, credentials, isLogin: true });
  try {
    const answer = await client.send({
      method: 'GET',
      url: '/v2/',
      scope: { repository: '' },
      accept: [200],
    });
    await answer.discard();
    const token = client.identityToken;
    return token === undefined ? credentials : { kind: 'identity-token', token };
  } catch (error) {
    if (!isHyperfileError(error, 'REGISTRY_UNAUTHORIZED')) throw error;
    const hint = 'Check the user name and the password; some registries want an access token in its place.';
    throw new HyperfileError('REGISTRY_UNAUTHORIZED', { data: error.data, hint, cause: error });
  } finally {
    await client.close();
  }
}
