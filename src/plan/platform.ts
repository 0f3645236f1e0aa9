/** What machine images are built for, in Docker's and the OCI specification's names. */

export interface Platform {
  readonly os: string;
  readonly architecture: string;
}

const OCI_ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  arm64: 'arm64',
  arm: 'arm',
};

/** The platform of this host's guests. */
export function hostPlatform(architecture: string = process.arch): Platform {
  return { os: 'linux', architecture: OCI_ARCHITECTURES[architecture] ?? architecture };
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
    values.set(`${prefix}PLATFORM`, `${platform.os}/${platform.architecture}`);
    values.set(`${prefix}OS`, platform.os);
    values.set(`${prefix}ARCH`, platform.architecture);
    values.set(`${prefix}VARIANT`, '');
  }
  values.set('TARGETSTAGE', targetStage);
  return values;
}
