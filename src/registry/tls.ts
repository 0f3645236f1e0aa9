/**
 * Which certificates a registry's host is trusted by and shown: folders as Docker has them, `<host>/*.crt` for
 * authorities, `<host>/NAME.cert` with `NAME.key` for a client. What Node trusts anyway (NODE_EXTRA_CA_CERTS among it)
 * stays trusted.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { HyperfileError, systemCode } from '../base/error.ts';
import { isOnWindows } from '../base/host-platform.ts';

/** As `tls.connect` takes them. */
export interface TlsOptions {
  readonly ca?: string[];
  readonly cert?: string[];
  readonly key?: string[];
  readonly rejectUnauthorized?: false;
}

/**
 * @param host - with its port
 * @throws HyperfileError REGISTRY_CERTIFICATE_INVALID
 */
export async function tlsOptions(host: string, env: NodeJS.ProcessEnv): Promise<TlsOptions> {
  const authorities: string[] = [];
  const certificates: string[] = [];
  const keys: string[] = [];
  for (const folder of certificateFolders(host, env)) {
    const names = namesIn(folder);
    const read = (name: string): string => readPem(path.join(folder, name));
    authorities.push(...names.filter((name) => name.endsWith('.crt')).map(read));
    for (const name of names.filter((name) => name.endsWith('.cert'))) {
      const keyName = name.replace(/\.cert$/, '.key');
      if (!names.includes(keyName))
        throw invalid(path.join(folder, name), `there is no ${keyName} beside it`);
      certificates.push(read(name));
      keys.push(read(keyName));
    }
  }
  return {
    ...(authorities.length > 0 && { ca: [...(await trustedAnyway()), ...authorities] }),
    ...(certificates.length > 0 && { cert: certificates, key: keys }),
  };
}

/** Ours first, then Docker's. The first is where a hint sends people. */
export function certificateFolders(host: string, env: NodeJS.ProcessEnv): string[] {
  const config = env.XDG_CONFIG_HOME || path.join(env.HOME || homedir(), '.config');
  const docker = isOnWindows() ? path.join(env.ProgramData || 'C:\\ProgramData', 'docker') : '/etc/docker';
  const folderName = isOnWindows() ? host.replaceAll(':', '') : host;
  return [path.join(config, 'hyperfile'), docker].map((base) => path.join(base, 'certs.d', folderName));
}

async function trustedAnyway(): Promise<string[]> {
  const { getCACertificates } = await import('node:tls');
  return getCACertificates('default');
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return [];
    throw invalid(folder, 'it cannot be read', error);
  }
}

function readPem(file: string): string {
  try {
    const text = readFileSync(file, 'utf8');
    if (text.includes('-----BEGIN ')) return text;
  } catch (error) {
    throw invalid(file, 'it cannot be read', error);
  }
  throw invalid(file, 'it is not in PEM form');
}

function invalid(file: string, reason: string, cause?: unknown): HyperfileError {
  return new HyperfileError('REGISTRY_CERTIFICATE_INVALID', {
    data: { path: file, reason },
    ...(cause !== undefined && { cause }),
  });
}
