/**
 * Debian's docker-registry on a free port of this host: open to all over plain HTTP, with a password, over TLS, or
 * behind a token service that runs in this process. Everything it keeps lies in a folder that `stop` removes.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync, copyFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeCertificate, type TestCertificate } from './certificates.ts';
import { listeningPort } from './listening-port.ts';
import { ISSUER, startTokenService, type TokenService } from './token-service.ts';

/** What a test that starts one needs: for `describeWith`. */
export const REGISTRY_NEEDS: readonly string[] = ['docker-registry', 'openssl'];

export const USERNAME = 'ada';
export const PASSWORD = 'open-sesame-7';
const HTPASSWD = `${USERNAME}:$2b$05$hRegistryTestSaltABCDuGt3yH6gDmHLEOTuZofyONhBM6DePAYO\n`;

export interface RegistryOptions {
  /** `password`: Basic against a htpasswd file; `token`: Bearer tokens from a service. Default: open to all. */
  readonly auth?: 'open' | 'password' | 'token';
  /** HTTPS with a certificate that only {@link TestRegistry.certificate}'s authority vouches for. Default: plain HTTP. */
  readonly tls?: boolean;
}

export interface RegistryLogLine {
  readonly method: string;
  readonly url: string;
  readonly status: number;
}

export interface TestRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string;
  /** A folder of this registry that the test may use too; its blobs are below `data`. */
  readonly folder: string;
  /** What lets a client in: a Docker config with the password, and the certificate authority where ours is looked for. */
  readonly env: Readonly<Record<string, string>>;
  /** The same without a password. */
  readonly strangersEnv: Readonly<Record<string, string>>;
  /** As Docker's and skopeo's `--cert-dir`; with `ca.crt` when it speaks TLS. */
  readonly certFolder: string;
  readonly certificate?: TestCertificate;
  readonly tokens?: TokenService;
  /** What it was asked since it started, in the order it answered. */
  requests(): RegistryLogLine[];
  stop(): Promise<void>;
}

/** Starts one and waits until it answers. */
export async function startRegistry(options: RegistryOptions = {}): Promise<TestRegistry> {
  const folder = mkdtempSync(path.join(tmpdir(), 'registry-'));
  const needsCertificate = options.tls || options.auth === 'token';
  const certificate = needsCertificate ? makeCertificate(folder) : undefined;
  const account = { username: USERNAME, password: PASSWORD };
  const tokens = options.auth === 'token' ? await startTokenService(certificate!, account) : undefined;
  const config = configText({ folder, options, certificate, tokens });
  writeFileSync(path.join(folder, 'config.yml'), config);
  writeFileSync(path.join(folder, 'htpasswd'), HTPASSWD);
  const output: string[] = [];
  const child = startProcess(path.join(folder, 'config.yml'), output);
  const stop = async (): Promise<void> => {
    process.off('exit', killNow);
    await ended(child);
    await tokens?.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  const killNow = (): void => void child.kill('SIGKILL');
  process.once('exit', killNow);
  const host = `127.0.0.1:${await portOf(child, output)}`;
  const places = clientFolders(folder, host, options.tls ? certificate : undefined);
  const withTls = certificate && { certificate };
  return {
    host,
    folder,
    ...places,
    ...withTls,
    ...(tokens && { tokens }),
    requests: () => parseLog(output),
    stop,
  };
}

interface Setup {
  readonly folder: string;
  readonly options: RegistryOptions;
  readonly certificate: TestCertificate | undefined;
  readonly tokens: TokenService | undefined;
}

function configText({ folder, options, certificate, tokens }: Setup): string {
  const auth = {
    open: {},
    password: { auth: { htpasswd: { realm: 'test', path: path.join(folder, 'htpasswd') } } },
    token: {
      auth: {
        token: {
          realm: tokens?.realm,
          service: 'test-registry',
          issuer: ISSUER,
          rootcertbundle: certificate?.authorityFile,
        },
      },
    },
  };
  const tls = options.tls && {
    tls: { certificate: certificate?.certificateFile, key: certificate?.keyFile },
  };
  // JSON is YAML.
  return JSON.stringify({
    version: '0.1',
    log: { level: 'error' },
    storage: {
      filesystem: { rootdirectory: path.join(folder, 'data') },
      cache: { blobdescriptor: 'inmemory' },
      delete: { enabled: true },
    },
    // The system chooses the port: no other program can have it.
    http: { addr: '127.0.0.1:0', secret: 'of a test', ...tls },
    ...auth[options.auth ?? 'open'],
  });
}

/** Should the test be killed, the kernel ends the registry. */
function startProcess(configFile: string, output: string[]): ChildProcess {
  const registry = ['docker-registry', 'serve', configFile];
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...registry], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
  return child;
}

/** Where it listens, once it does. */
async function portOf(child: ChildProcess, output: readonly string[]): Promise<number> {
  while (child.exitCode === null && child.signalCode === null) {
    const port = listeningPort(child.pid ?? 0);
    if (port !== undefined) return port;
    await sleep(10);
  }
  throw new Error(`docker-registry ended: ${output.join('')}`);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;
}

function clientFolders(
  folder: string,
  host: string,
  certificate: TestCertificate | undefined,
): Pick<TestRegistry, 'env' | 'strangersEnv' | 'certFolder'> {
  const certFolder = path.join(folder, 'xdg', 'hyperfile', 'certs.d', host);
  mkdirSync(certFolder, { recursive: true });
  if (certificate) copyFileSync(certificate.authorityFile, path.join(certFolder, 'ca.crt'));
  const auth = Buffer.from(`${USERNAME}:${PASSWORD}`).toString('base64');
  const configs = { known: { auths: { [host]: { auth } } }, strangers: {} };
  const env = (name: keyof typeof configs): Readonly<Record<string, string>> => {
    const config = path.join(folder, name);
    mkdirSync(config, { recursive: true });
    writeFileSync(path.join(config, 'config.json'), JSON.stringify(configs[name]));
    return { PATH: process.env.PATH ?? '', DOCKER_CONFIG: config, XDG_CONFIG_HOME: path.join(folder, 'xdg') };
  };
  return { env: env('known'), strangersEnv: env('strangers'), certFolder };
}

/** Lines of the common log format that web servers write. */
function parseLog(output: readonly string[]): RegistryLogLine[] {
  return [...output.join('').matchAll(/"([A-Z]+) (\S+) HTTP\/[\d.]+" (\d{3}) /g)].map(
    ([, method = '', url = '', status]) => ({ method, url, status: Number(status) }),
  );
}
