/**
 * The registry of names that say no host, by Docker's rules. This file is the only one that names it.
 *
 * People know it by another name than its interface has, and its credentials have been kept under a third since the
 * first version of that interface.
 */
import { HyperfileError } from '../base/error.ts';
import { parseReference, type Reference } from '../oci/reference.ts';

const DEFAULT_HOST = 'docker.io';
const DEFAULT_ALIASES: readonly string[] = [DEFAULT_HOST, 'index.docker.io', 'registry-1.docker.io'];
const DEFAULT_API_HOST = 'registry-1.docker.io';
const DEFAULT_CREDENTIAL_KEY = 'https://index.docker.io/v1/';
/** Where the default registry has names of one part. */
const OFFICIAL = 'library/';

export interface RegistryPlace {
  /** With its port. */
  readonly host: string;
  readonly path: string;
}

/**
 * Where an image of this name is. HYPERFILE_DEFAULT_REGISTRY (`host[:port][/prefix]`) names a mirror that stands in for
 * the default registry, whether that was written out or not.
 *
 * @throws HyperfileError REGISTRY_HOST_INVALID for what that variable says
 */
export function resolveRegistry(reference: Reference, env: NodeJS.ProcessEnv): RegistryPlace {
  const { host, path } = reference;
  if (host !== undefined && !isDefault(host)) return { host, path };
  const fullPath = path.includes('/') ? path : OFFICIAL + path;
  const mirror = env.HYPERFILE_DEFAULT_REGISTRY;
  if (!mirror) return { host: DEFAULT_HOST, path: fullPath };
  const [mirrorHost = '', ...prefix] = mirror.split('/').filter((part) => part !== '');
  return { host: checkedHost(mirrorHost), path: [...prefix, fullPath].join('/') };
}

/**
 * The registry that `login` and `logout` mean: `host[:port]`, also as the URL that some registries' pages show; the
 * default registry when nothing is said.
 *
 * @throws HyperfileError REGISTRY_HOST_INVALID
 */
export function registryHost(text: string | undefined, env: NodeJS.ProcessEnv): string {
  const host = text ? hostOfKey(text) : resolveRegistry({ path: 'any' }, env).host;
  return isDefault(host) ? DEFAULT_HOST : checkedHost(host);
}

/** The host that serves a registry's interface. */
export function apiHost(host: string): string {
  return isDefault(host) ? DEFAULT_API_HOST : host;
}

/** Under what Docker keeps a registry's credentials. */
export function credentialKey(host: string): string {
  return isDefault(host) ? DEFAULT_CREDENTIAL_KEY : host;
}

/** Whether a key of a credentials file is this registry: people write URLs there, too. */
export function isKeyOf(key: string, host: string): boolean {
  const named = hostOfKey(key);
  return named === host || (isDefault(named) && isDefault(host));
}

function isDefault(host: string): boolean {
  return DEFAULT_ALIASES.includes(host);
}

function hostOfKey(key: string): string {
  return key.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
}

/** What the grammar of references takes as a host; without a dot or a port it would not be told from a folder there. */
function checkedHost(text: string): string {
  try {
    const isTold = parseReference(`${text.includes(':') ? text : `${text}:1`}/any`).host !== undefined;
    if (isTold && URL.canParse(`http://${text}`)) return text;
  } catch {
    // What is wrong with it as a part of an image's name is beside the point.
  }
  throw new HyperfileError('REGISTRY_HOST_INVALID', { data: { host: text } });
}
