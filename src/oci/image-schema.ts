/**
 * The shape of an image's description, checked where one comes from outside (a registry, a file). What the store itself
 * wrote is checked by its digest instead, which costs next to nothing.
 */
import { HyperfileError } from '../base/error.ts';
import { Fields } from './fields.ts';
import type {
  DiskDescription,
  GuestConfig,
  Healthcheck,
  HistoryEntry,
  ImageConfig,
  MachineSettings,
} from './image.ts';

/** No chain may be longer: readers of VHDX stop there. */
export const MAX_CHAIN_LAYERS = 256;
/** Arguments, ports and the like; the kernel takes no more arguments than fit two mebibytes. */
const MAX_TEXTS = 65_536;
const LAYER_ID = /^[0-9a-f]{32}$/;

/**
 * Checks a description from elsewhere; `name` says which in the error. Fields that are not known are dropped.
 *
 * @throws HyperfileError OCI_IMAGE_INVALID, naming the first field that is wrong
 */
export function parseImageConfig(value: unknown, name: string): ImageConfig {
  const fields = new Fields(
    value,
    '',
    (reason) => new HyperfileError('OCI_IMAGE_INVALID', { data: { name, reason } }),
  );
  if (fields.get('schema') !== 1) throw fields.error('schema', '1');
  const layers = fields.textList('layers', MAX_CHAIN_LAYERS);
  const wrong = layers.findIndex((id) => !LAYER_ID.test(id));
  if (wrong >= 0) throw fields.error(`layers[${wrong}]`, '32 hex digits');
  return dropAbsent<ImageConfig>({
    schema: 1,
    created: fields.text('created'),
    os: guestOs(fields),
    architecture: fields.text('architecture'),
    config: guestConfig(fields.object('config')),
    disk: diskDescription(fields.object('disk')),
    kind: imageKind(fields),
    layers,
    history: fields.objects('history', MAX_TEXTS).map(historyEntry),
    key: fields.text('key'),
  });
}

function guestOs(fields: Fields): ImageConfig['os'] {
  const os = fields.text('os');
  if (os !== 'linux' && os !== 'windows') throw fields.error('os', 'linux or windows');
  return os;
}

function imageKind(fields: Fields): ImageConfig['kind'] {
  const kind = fields.optionalText('kind');
  if (kind !== undefined && kind !== 'container') throw fields.error('kind', 'a kind of image that is known');
  return kind;
}

/** 32 hex digits. */
export function layerId(fields: Fields, key: string): string {
  const id = fields.text(key);
  if (!LAYER_ID.test(id)) throw fields.error(key, '32 hex digits');
  return id;
}

function guestConfig(fields: Fields): GuestConfig {
  return dropAbsent<GuestConfig>({
    env: fields.texts('env'),
    entrypoint: fields.optionalTextList('entrypoint', MAX_TEXTS),
    cmd: fields.optionalTextList('cmd', MAX_TEXTS),
    workdir: fields.text('workdir'),
    user: fields.text('user'),
    shell: fields.textList('shell', MAX_TEXTS),
    labels: fields.texts('labels'),
    exposedPorts: fields.textList('exposedPorts', MAX_TEXTS),
    volumes: fields.textList('volumes', MAX_TEXTS),
    stopSignal: fields.optionalText('stopSignal'),
    machine: fields.has('machine') ? machineSettings(fields.object('machine')) : undefined,
    healthcheck: fields.has('healthcheck') ? healthcheck(fields.object('healthcheck')) : undefined,
  });
}

function machineSettings(fields: Fields): MachineSettings {
  return dropAbsent<MachineSettings>({
    memoryBytes: fields.optionalCount('memoryBytes'),
    processors: fields.optionalCount('processors'),
    generation: oneOf(fields, 'generation', [1, 2] as const),
    secureBoot: oneOf(fields, 'secureBoot', ['off', 'windows', 'others'] as const),
    tpm: oneOf(fields, 'tpm', [true, false] as const),
    nested: oneOf(fields, 'nested', [true, false] as const),
  });
}

function oneOf<T>(fields: Fields, key: string, values: readonly T[]): T | undefined {
  if (!fields.has(key)) return undefined;
  const found = values.find((value) => value === fields.get(key));
  if (found === undefined) throw fields.error(key, values.join(' or '));
  return found;
}

function healthcheck(fields: Fields): Healthcheck {
  return dropAbsent<Healthcheck>({
    test: fields.textList('test', MAX_TEXTS),
    intervalMs: fields.optionalCount('intervalMs'),
    timeoutMs: fields.optionalCount('timeoutMs'),
    startPeriodMs: fields.optionalCount('startPeriodMs'),
    startIntervalMs: fields.optionalCount('startIntervalMs'),
    retries: fields.optionalCount('retries'),
  });
}

function diskDescription(fields: Fields): DiskDescription {
  const disk = {
    sizeBytes: fields.count('sizeBytes'),
    rootOffset: fields.count('rootOffset'),
    rootLength: fields.count('rootLength'),
    rootType: fields.text('rootType'),
  };
  if (disk.rootOffset + disk.rootLength > disk.sizeBytes)
    throw fields.error('rootLength', 'on the disk: the root file system must lie within it');
  return disk;
}

function historyEntry(fields: Fields): HistoryEntry {
  return dropAbsent<HistoryEntry>({
    created: fields.text('created'),
    createdBy: fields.text('createdBy'),
    layer: fields.has('layer') ? layerId(fields, 'layer') : undefined,
  });
}

/**
 * What is written of an image has no fields without a value, and an image is known by what is written of it. With `T`
 * said, no field of it can be forgotten.
 */
function dropAbsent<T extends object>(value: { [K in keyof Required<T>]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as T;
}
