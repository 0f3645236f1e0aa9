/** What `--driver-opt` says to the Hyper-V driver. */
import {
  choiceOf,
  countSetting,
  durationSetting,
  readDriverOptions,
  sizeSetting,
  textSetting,
} from '../driver-options.ts';

export interface HyperVOptions {
  /** How a layer is taken from a guest that runs. */
  readonly seal: 'checkpoint' | 'shutdown';
  /** Name or GUID of the virtual switch that machines are connected to; absent: the host's usual one. */
  readonly switch?: string;
  /** Where the recipe says nothing. */
  readonly memoryBytes: number;
  readonly processorCount: number;
  /** From the start of a machine until its guest must answer. */
  readonly bootTimeoutMs: number;
  /** The same where a Windows sets itself up first. */
  readonly setupTimeoutMs: number;
  /** From asking a guest to shut down until its machine must be off. */
  readonly stopTimeoutMs: number;
}

export const HYPERV_SETTINGS = {
  seal: choiceOf('shutdown', 'checkpoint'),
  switch: textSetting('the name or the GUID of a virtual switch'),
  memory: sizeSetting,
  cpus: countSetting,
  'boot-timeout': durationSetting,
  'setup-timeout': durationSetting,
  'stop-timeout': durationSetting,
};
const MEMORY_BYTES = 2 * 1024 ** 3;
const PROCESSORS = 2;
const BOOT_TIMEOUT_MS = 10 * 60_000;
const SETUP_TIMEOUT_MS = 60 * 60_000;
const STOP_TIMEOUT_MS = 5 * 60_000;

/** @throws HyperfileError DRIVER_OPTION */
export function parseHyperVOptions(given?: Readonly<Record<string, string>>): HyperVOptions {
  const options = readDriverOptions('hyperv', HYPERV_SETTINGS, given);
  return {
    seal: options.seal ?? 'shutdown',
    ...(options.switch !== undefined && { switch: options.switch }),
    memoryBytes: options.memory ?? MEMORY_BYTES,
    processorCount: options.cpus ?? PROCESSORS,
    bootTimeoutMs: options['boot-timeout'] ?? BOOT_TIMEOUT_MS,
    setupTimeoutMs: options['setup-timeout'] ?? SETUP_TIMEOUT_MS,
    stopTimeoutMs: options['stop-timeout'] ?? STOP_TIMEOUT_MS,
  };
}
