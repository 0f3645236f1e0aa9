/**
 * Docker's client configuration, `config.json`: where credentials are, or which programs keep them. Whatever else it
 * holds stays as it is.
 */
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, readFileSync, realpathSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { diskFullAt } from '../base/atomic-file.ts';
import { HyperfileError, systemCode } from '../base/error.ts';
import { withLock } from '../base/lock.ts';
import { removeFile, renameOver } from '../base/patience.ts';

/** The fields that matter here; all may be missing. */
export interface DockerConfig {
  readonly auths: Readonly<Record<string, StoredAuth>>;
  /** Names of helper programs by registry. */
  readonly credHelpers: Readonly<Record<string, string>>;
  /** Name of the helper for all other registries. */
  readonly credsStore?: string;
}

export interface StoredAuth {
  /** Base64 of `username:password`. */
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly registrytoken?: string;
}

const LOCK_TIMEOUT_MS = 10_000;

/** DOCKER_CONFIG names the folder. */
export function dockerConfigPath(env: NodeJS.ProcessEnv): string {
  return path.join(env.DOCKER_CONFIG || path.join(env.HOME || homedir(), '.docker'), 'config.json');
}

/**
 * An empty one when there is no file.
 *
 * @throws HyperfileError REGISTRY_CONFIG_INVALID
 */
export function readDockerConfig(env: NodeJS.ProcessEnv): DockerConfig {
  const file = dockerConfigPath(env);
  return interpret(readRaw(file), file);
}

/**
 * What DOCKER_AUTH_CONFIG holds, in which CI systems hand credentials over; they come before those of the file.
 *
 * @throws HyperfileError REGISTRY_CONFIG_INVALID
 */
export function dockerConfigFromEnvironment(env: NodeJS.ProcessEnv): DockerConfig {
  const name = 'DOCKER_AUTH_CONFIG';
  return interpret(parseObject(env[name] || '{}', name), name);
}

/**
 * Writes what a change makes of `auths`: the new file is there whole or not at all, and only its owner may read it.
 *
 * @throws HyperfileError REGISTRY_CONFIG_INVALID, LOCK_TIMEOUT, DISK_FULL
 */
export async function changeAuths(
  env: NodeJS.ProcessEnv,
  change: (auths: Record<string, StoredAuth>) => void,
): Promise<void> {
  const named = dockerConfigPath(env);
  mkdirSync(path.dirname(named), { recursive: true, mode: 0o700 });
  const file = resolveLink(named);
  await withLock(`${file}.lock`, { timeoutMs: LOCK_TIMEOUT_MS }, () => {
    const raw = readRaw(file);
    const auths = { ...interpret(raw, file).auths };
    change(auths);
    replacePrivately(file, `${JSON.stringify({ ...raw, auths }, undefined, '\t')}\n`);
  });
}

/** A file that is a link, into a folder of dot files, say, stays one. */
function resolveLink(file: string): string {
  try {
    return realpathSync(file);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return file;
    throw invalid(file, 'it cannot be read', error);
  }
}

function readRaw(file: string): Record<string, unknown> {
  try {
    const text = readFileSync(file, 'utf8');
    return parseObject(text.trim() === '' ? '{}' : text, file);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return {};
    throw error instanceof HyperfileError ? error : invalid(file, 'it cannot be read', error);
  }
}

/** A parser's message may quote the text, and that may be a password: it is not passed on. */
function parseObject(text: string, name: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text.replace(/^\uFEFF/, ''));
    if (isRecord(value)) return value;
  } catch {
    // Said below.
  }
  throw invalid(name, 'it is not a JSON object');
}

function interpret(raw: Readonly<Record<string, unknown>>, name: string): DockerConfig {
  const { auths = {}, credHelpers = {}, credsStore = '' } = raw;
  if (!isRecord(auths) || !Object.values(auths).every(isAuth))
    throw invalid(name, '"auths" has the wrong form');
  if (!isRecord(credHelpers) || !Object.values(credHelpers).every(isText))
    throw invalid(name, '"credHelpers" has the wrong form');
  if (!isText(credsStore)) throw invalid(name, '"credsStore" has the wrong form');
  return {
    auths: auths as Record<string, StoredAuth>,
    credHelpers: credHelpers as Record<string, string>,
    ...(credsStore !== '' && { credsStore }),
  };
}

const TEXT_FIELDS = ['auth', 'username', 'password', 'identitytoken', 'registrytoken'];

function isAuth(value: unknown): boolean {
  return isRecord(value) && TEXT_FIELDS.every((field) => value[field] === undefined || isText(value[field]));
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

function replacePrivately(file: string, text: string): void {
  const unfinished = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    const fd = openSync(unfinished, 'wx', 0o600);
    try {
      const bytes = Buffer.from(text);
      for (let done = 0; done < bytes.length;) done += writeSync(fd, bytes, done);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameOver(unfinished, file);
  } catch (error) {
    removeFile(unfinished);
    throw diskFullAt(file, error);
  }
}

function invalid(name: string, reason: string, cause?: unknown): HyperfileError {
  return new HyperfileError('REGISTRY_CONFIG_INVALID', {
    data: { path: name, reason },
    ...(cause !== undefined && { cause }),
  });
}
