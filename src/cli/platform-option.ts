/** `--platform OS/ARCHITECTURE[/VARIANT]`, with the names that people know architectures by. */
import { Option } from 'commander';
import { HyperfileError } from '../base/error.ts';

export interface AskedPlatform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
}

/** What other programs call them, in OCI's words. */
const ALIASES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  i386: '386',
  i686: '386',
};

const PART = /^[A-Za-z0-9_][A-Za-z0-9_.-]*$/;

export function platformOption(description: string): Option {
  return new Option('--platform <platform>', description).argParser(parsePlatform);
}

/** @throws HyperfileError CLI_BAD_VALUE */
export function parsePlatform(value: string): AskedPlatform {
  const [os = '', architecture = '', variant, ...rest] = value.toLowerCase().split('/');
  const parts = [os, architecture, ...(variant === undefined ? [] : [variant])];
  if (rest.length > 0 || !parts.every((part) => PART.test(part))) {
    const data = {
      value: JSON.stringify(value),
      option: '--platform',
      expected: 'OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as linux/arm64',
    };
    throw new HyperfileError('CLI_BAD_VALUE', { data });
  }
  return {
    os,
    architecture: ALIASES[architecture] ?? architecture,
    ...(variant !== undefined && { variant }),
  };
}
