/** `--platform OS/ARCHITECTURE[/VARIANT]`, with the names that people know architectures by. */
import { Option } from 'commander';
import { HyperfileError } from '../base/error.ts';
import { parsePlatform, type Platform } from '../plan/platform.ts';

export type AskedPlatform = Platform;

/** Which of the images behind one name is taken where nobody says. */
export const USUAL_PLATFORM = "the host's: Linux, else Windows";

export function platformOption(description: string): Option {
  return new Option('--platform <platform>', description).argParser(readPlatform);
}

/** @throws HyperfileError CLI_BAD_VALUE */
export function readPlatform(value: string): Platform {
  const platform = parsePlatform(value);
  if (platform !== undefined) return platform;
  const data = {
    value: JSON.stringify(value),
    option: '--platform',
    expected: 'OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as linux/arm64',
  };
  throw new HyperfileError('CLI_BAD_VALUE', { data });
}
