/** Who may be spoken to without encryption: this machine, and whom the user names. */

/**
 * `loopback`: bytes never leave this machine. `told`: the user says so; Docker's "insecure registry", whose certificate
 * is not checked either. `no`: HTTPS only.
 */
export type PlainHttp = 'loopback' | 'told' | 'no';

export interface PlainHttpOptions {
  readonly env: NodeJS.ProcessEnv;
  /** Hosts that `--insecure` was said for. */
  readonly insecureHosts: readonly string[];
}

/** @param host - with its port */
export function plainHttp(host: string, { env, insecureHosts }: PlainHttpOptions): PlainHttp {
  const listed = (env.HYPERFILE_INSECURE_REGISTRIES ?? '').split(',').map((entry) => entry.trim());
  const name = hostName(host);
  if ([...insecureHosts, ...listed].some((entry) => entry === host || (entry !== '' && entry === name)))
    return 'told';
  return isLoopback(name) ? 'loopback' : 'no';
}

/** `localhost`, 127.0.0.0/8 and [::1]. */
export function isLoopback(name: string): boolean {
  return name === 'localhost' || name === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(name);
}

/** Without the port, as URLs normalize it. */
export function hostName(host: string): string {
  return URL.canParse(`http://${host}`) ? new URL(`http://${host}`).hostname : host;
}
