/** What `--driver-opt` says to the namespace driver. */
import { choiceOf, readDriverOptions } from '../driver-options.ts';
import { RUNTIMES } from './runtime.ts';

export interface NamespaceOptions {
  /** What starts commands; absent: HYPERFILE_RUNTIME, else the built-in launcher. */
  readonly runtime?: (typeof RUNTIMES)[number];
}

export const NAMESPACE_SETTINGS = { runtime: choiceOf(...RUNTIMES) };

/** @throws HyperfileError DRIVER_OPTION */
export function parseNamespaceOptions(given?: Readonly<Record<string, string>>): NamespaceOptions {
  return readDriverOptions('namespace', NAMESPACE_SETTINGS, given);
}
