/** What machine images are built for, in Docker's and the OCI specification's names. */

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  /** Of Windows: the build, or its beginning. */
  readonly 'os.version'?: string;
}

const OCI_ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  arm64: 'arm64',
  arm: 'arm',
};

/** What other programs call them, in OCI's words. */
const ALIASES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  i386: '386',
  i686: '386',
};

/** `windows(10.0.26100)/amd64`, `linux/arm/v7`. */
const PLATFORM =
  /^(?<os>\w[\w.-]*)(?:\((?<version>\d+(?:\.\d+)*)\))?\/(?<architecture>\w[\w.-]*)(?:\/(?<variant>\w[\w.-]*))?$/;

/** The platform of this host's usual guests. */
export function hostPlatform(architecture: string = process.arch): Platform {
  return { os: 'linux', architecture: OCI_ARCHITECTURES[architecture] ?? architecture };
}

/**
 * What an image may be for where nobody says: the same on every host, so that a recipe means the same guest everywhere.
 * The first that there is counts.
 */
export function guestPlatforms(): readonly Platform[] {
  const linux = hostPlatform();
  return [linux, { ...linux, os: 'windows' }];
}

/** As Docker writes it, with the names that people know architectures by; undefined when it is written otherwise. */
export function parsePlatform(text: string): Platform | undefined {
  const found = PLATFORM.exec(text.toLowerCase())?.groups;
  if (found === undefined) return undefined;
  const { os, version, architecture, variant } = found as Record<string, string | undefined>;
  return {
    os: os!,
    architecture: ALIASES[architecture!] ?? architecture!,
    ...(variant !== undefined && { variant }),
    ...(version !== undefined && { 'os.version': version }),
  };
}

/** Docker's automatic global ARGs. A `--build-arg` of the same name wins. */
export function platformArguments(
  build: Platform,
  target: Platform,
  targetStage: string,
): Map<string, string> {
  const values = new Map<string, string>();
  for (const [prefix, platform] of [
    ['BUILD', build],
    ['TARGET', target],
  ] as const) {
    const { os, architecture, variant } = platform;
    values.set(`${prefix}PLATFORM`, [os, architecture, variant].filter(Boolean).join('/'));
    values.set(`${prefix}OS`, os);
    values.set(`${prefix}ARCH`, architecture);
    values.set(`${prefix}VARIANT`, variant ?? '');
  }
  values.set('TARGETSTAGE', targetStage);
  return values;
}
