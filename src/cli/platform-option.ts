/** `--platform OS/ARCHITECTURE[/VARIANT]`, with the names that people know architectures by. */
import { Option } from 'commander';
import { HyperfileError } from '../base/error.ts';
import { parsePlatform, type Platform } from '../plan/platform.ts';

/** Which of the images behind one name is taken where nobody says. */
const USUAL = "the host's: Linux, else Windows";

/** @param usual what is taken without it, for the help */
export function platformOption(what: string, usual = USUAL): Option {
  return new Option('--platform <platform>', `${what} (default: ${usual})`).argParser(readPlatform);
}

/** @throws HyperfileError CLI_BAD_VALUE */
function readPlatform(value: string): Platform {
  const platform = parsePlatform(value);
  if (platform !== undefined) return platform;
  const data = {
    value: JSON.stringify(value),
    option: '--platform',
    expected: 'OS/ARCHITECTURE or OS/ARCHITECTURE/VARIANT, such as linux/arm64',
  };
  throw new HyperfileError('CLI_BAD_VALUE', { data });
}
