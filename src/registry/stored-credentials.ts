/** What we know ourselves by at a registry: found where Docker has it, stored where Docker looks for it. */
import { CredentialHelper } from './credential-program.ts';
import { credentialKey, isKeyOf } from './default-registry.ts';
import {
  changeAuths,
  dockerConfigFromEnvironment,
  readDockerConfig,
  type DockerConfig,
  type StoredAuth,
} from './docker-config.ts';

export type Credentials =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** What a token service gave in exchange for a password. */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** Shown to the registry as it is. */
  | { readonly kind: 'registry-token'; readonly token: string };

/** The user name under which helpers keep an identity token. */
const IDENTITY_USER = '<token>';

/**
 * From DOCKER_AUTH_CONFIG, else from the registry's helper, else from `config.json`.
 *
 * @throws HyperfileError REGISTRY_CONFIG_INVALID, REGISTRY_HELPER_FAILED
 */
export async function findCredentials(
  host: string,
  env: NodeJS.ProcessEnv,
): Promise<Credentials | undefined> {
  const given = fromAuths(dockerConfigFromEnvironment(env), host);
  if (given) return given;
  const config = readDockerConfig(env);
  const helper = helperFor(config, host, env);
  const kept = await helper?.get(credentialKey(host));
  if (kept) return fromPair(kept.username, kept.secret);
  return fromAuths(config, host);
}

/**
 * Stores credentials that the registry has accepted.
 *
 * @returns the helper that keeps them; undefined when they are in `config.json`, unencrypted
 * @throws HyperfileError REGISTRY_CONFIG_INVALID, REGISTRY_HELPER_FAILED, LOCK_TIMEOUT, DISK_FULL
 */
export async function storeCredentials(
  host: string,
  username: string,
  credentials: Credentials,
  env: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const key = credentialKey(host);
  const helper = helperFor(readDockerConfig(env), host, env);
  if (helper) {
    const isPassword = credentials.kind === 'password';
    const secret = isPassword ? credentials.password : credentials.token;
    await helper.store(key, { username: isPassword ? username : IDENTITY_USER, secret });
  }
  await changeAuths(env, (auths) => {
    forget(auths, host);
    // Docker, too, leaves an empty entry where a helper has the rest.
    auths[key] = helper ? {} : toAuth(username, credentials);
  });
  return helper?.name;
}

/**
 * Takes a registry's credentials away.
 *
 * @returns whether there were any
 * @throws HyperfileError REGISTRY_CONFIG_INVALID, REGISTRY_HELPER_FAILED, LOCK_TIMEOUT, DISK_FULL
 */
export async function eraseCredentials(host: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const config = readDockerConfig(env);
  const isListed = Object.keys(config.auths).some((key) => isKeyOf(key, host));
  const wasKept = await helperFor(config, host, env)?.erase(credentialKey(host));
  if (isListed) await changeAuths(env, (auths) => forget(auths, host));
  return isListed || wasKept === true;
}

function helperFor(config: DockerConfig, host: string, env: NodeJS.ProcessEnv): CredentialHelper | undefined {
  const named = Object.entries(config.credHelpers).find(([key]) => isKeyOf(key, host))?.[1];
  const name = named || config.credsStore;
  return name ? new CredentialHelper(name, env) : undefined;
}

/** An entry under the very key is nearer than one under a URL that means the same. */
function fromAuths({ auths }: DockerConfig, host: string): Credentials | undefined {
  const keys = Object.keys(auths).filter((key) => isKeyOf(key, host));
  const nearest = keys.find((key) => key === credentialKey(host)) ?? keys[0];
  return nearest === undefined ? undefined : fromAuth(auths[nearest]);
}

function fromAuth(stored: StoredAuth): Credentials | undefined {
  if (stored.registrytoken) return { kind: 'registry-token', token: stored.registrytoken };
  if (stored.identitytoken) return { kind: 'identity-token', token: stored.identitytoken };
  if (stored.username && stored.password !== undefined) return fromPair(stored.username, stored.password);
  const pair = Buffer.from(stored.auth ?? '', 'base64')
    .toString()
    .replace(/\0+$/, '');
  const colon = pair.indexOf(':');
  return colon > 0 ? fromPair(pair.slice(0, colon), pair.slice(colon + 1)) : undefined;
}

function fromPair(username: string, secret: string): Credentials {
  if (username === IDENTITY_USER) return { kind: 'identity-token', token: secret };
  return { kind: 'password', username, password: secret };
}

function toAuth(username: string, credentials: Credentials): StoredAuth {
  const auth = (password: string): string => Buffer.from(`${username}:${password}`).toString('base64');
  if (credentials.kind === 'password') return { auth: auth(credentials.password) };
  return { auth: auth(''), identitytoken: credentials.token };
}

function forget(auths: Record<string, StoredAuth>, host: string): void {
  for (const key of Object.keys(auths)) if (isKeyOf(key, host)) delete auths[key];
}
