/** The config of a container image, OCI's or Docker's (image-spec, config.md), read into our words. */
import path from 'node:path/posix';
import { HyperfileError } from '../../base/error.ts';
import { portsOf } from '../../language/ports.ts';
import { isDigest, type Digest } from '../../oci/digest.ts';
import { Fields, type Refuse } from '../../oci/fields.ts';
import type { GuestConfig, Healthcheck } from '../../oci/image.ts';
import { EMPTY_CONFIG } from '../../plan/guest-config.ts';
import type { Platform } from '../../plan/platform.ts';

export interface ContainerConfig {
  readonly platform: Platform;
  readonly config: GuestConfig;
  /** Digests of the uncompressed layers, base first. */
  readonly diffIds: readonly Digest[];
  readonly history: readonly ContainerStep[];
  /** Instructions of ONBUILD. */
  readonly triggers: readonly string[];
}

/** An instruction that made the container image. */
export interface ContainerStep {
  /** ISO 8601; absent where the image does not say. */
  readonly created?: string;
  readonly createdBy: string;
}

export const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
const MAX_LIST = 16_384;
const MAX_STEP_CHARACTERS = 160;
const NS_PER_MS = 1_000_000;

/**
 * Reads a config; `name` says whose in errors. Fields that nobody here needs may hold anything.
 *
 * @throws HyperfileError BUILD_CONTAINER_CONFIG, naming the first field that is wrong
 */
export function parseContainerConfig(bytes: Uint8Array, name: string): ContainerConfig {
  const refuse: Refuse = (reason) => new HyperfileError('BUILD_CONTAINER_CONFIG', { data: { name, reason } });
  if (bytes.length > MAX_CONFIG_BYTES) throw refuse(`it is longer than ${MAX_CONFIG_BYTES} bytes`);
  const image = Fields.parse(bytes, refuse);
  const execution = image.has('config') ? image.object('config') : undefined;
  return {
    platform: { os: image.text('os'), architecture: image.text('architecture') },
    config: execution ? guestConfig(execution) : EMPTY_CONFIG,
    diffIds: diffIds(image.object('rootfs')),
    history: image.has('history') ? image.objects('history', MAX_LIST).map(step) : [],
    triggers: execution ? texts(execution, 'OnBuild') : [],
  };
}

function diffIds(rootfs: Fields): Digest[] {
  if (rootfs.text('type') !== 'layers') throw rootfs.error('type', '"layers"');
  return rootfs.list('diff_ids', MAX_LIST).map((value) => {
    if (typeof value !== 'string' || !isDigest(value))
      throw rootfs.error('diff_ids', 'a list of SHA-256 digests');
    return value;
  });
}

function guestConfig(fields: Fields): GuestConfig {
  const entrypoint = commandLine(fields, 'Entrypoint');
  const cmd = commandLine(fields, 'Cmd');
  const shell = texts(fields, 'Shell');
  const stopSignal = text(fields, 'StopSignal');
  const check = fields.has('Healthcheck') ? healthcheck(fields.object('Healthcheck')) : undefined;
  return {
    env: environment(fields),
    ...(entrypoint.length > 0 && { entrypoint }),
    ...(cmd.length > 0 && { cmd }),
    workdir: path.resolve('/', text(fields, 'WorkingDir')),
    user: text(fields, 'User'),
    shell: shell.length > 0 ? shell : EMPTY_CONFIG.shell,
    labels: labels(fields),
    exposedPorts: keys(fields, 'ExposedPorts')
      .flatMap((key) => ports(fields, key))
      .sort(),
    volumes: keys(fields, 'Volumes').sort(),
    ...(stopSignal !== '' && { stopSignal }),
    ...(check && { healthcheck: check }),
  };
}

/** The last of a name wins; one without a value sets nothing. */
function environment(fields: Fields): Record<string, string> {
  const pairs = texts(fields, 'Env').flatMap((line): [string, string][] => {
    const equals = line.indexOf('=', 1);
    return equals < 0 ? [] : [[line.slice(0, equals), line.slice(equals + 1)]];
  });
  return Object.fromEntries(pairs);
}

function labels(fields: Fields): Readonly<Record<string, string>> {
  const list = fields.has('Labels') ? fields.texts('Labels') : {};
  for (const value of Object.values(list)) refuseZero(value, fields, 'Labels');
  return list;
}

function ports(fields: Fields, key: string): string[] {
  const found = portsOf(key);
  if (!found) throw fields.error('ExposedPorts', `a set of ports: "${key}" is none`);
  return found;
}

/** Docker writes times in nanoseconds; 0 means the default, and no test that of the image below. */
function healthcheck(fields: Fields): Healthcheck | undefined {
  const test = texts(fields, 'Test');
  const [kind, ...rest] = test;
  if (kind === undefined) return undefined;
  const isKnown = kind === 'NONE' || ((kind === 'CMD' || kind === 'CMD-SHELL') && rest.length > 0);
  if (!isKnown) throw fields.error('Test', 'a test that is known: NONE, CMD or CMD-SHELL');
  const given = {
    intervalMs: duration(fields, 'Interval'),
    timeoutMs: duration(fields, 'Timeout'),
    startPeriodMs: duration(fields, 'StartPeriod'),
    startIntervalMs: duration(fields, 'StartInterval'),
    retries: fields.has('Retries') ? fields.count('Retries') : 0,
  };
  return { test, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value > 0)) };
}

function duration(fields: Fields, key: string): number {
  return fields.has(key) ? Math.round(fields.count(key) / NS_PER_MS) : 0;
}

/** Without what the classic builder put around every instruction, on one line, cut to a length for people. */
function step(fields: Fields): ContainerStep {
  const instruction = text(fields, 'created_by')
    .replace(/^\/bin\/sh -c #\(nop\)\s+/, '')
    .replace(/^\/bin\/sh -c /, 'RUN ')
    .replace(/ # buildkit$/, '')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();
  const created = new Date(text(fields, 'created'));
  const isCut = instruction.length > MAX_STEP_CHARACTERS;
  return {
    ...(!Number.isNaN(created.valueOf()) && { created: created.toISOString() }),
    createdBy: isCut ? `${instruction.slice(0, MAX_STEP_CHARACTERS - 1)}…` : instruction,
  };
}

/** Docker once wrote a lone word where a list is meant. */
function commandLine(fields: Fields, key: string): string[] {
  return typeof fields.get(key) === 'string' ? [text(fields, key)] : texts(fields, key);
}

function texts(fields: Fields, key: string): string[] {
  if (!fields.has(key)) return [];
  return fields.list(key, MAX_LIST).map((value) => {
    if (typeof value !== 'string') throw fields.error(key, 'a list of texts');
    return refuseZero(value, fields, key);
  });
}

function text(fields: Fields, key: string): string {
  return refuseZero(fields.optionalText(key) ?? '', fields, key);
}

/** A set, written as an object whose values mean nothing. */
function keys(fields: Fields, key: string): string[] {
  const value = fields.get(key);
  if (value === undefined) return [];
  if (typeof value !== 'object' || Array.isArray(value)) throw fields.error(key, 'an object');
  return Object.keys(value!).map((name) => refuseZero(name, fields, key));
}

/** No argument, path or variable of Linux can hold one. */
function refuseZero(value: string, fields: Fields, key: string): string {
  if (value.includes('\0')) throw fields.error(key, 'free of zero bytes');
  return value;
}
