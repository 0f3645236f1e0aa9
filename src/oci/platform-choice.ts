/** Which image of an index is meant: the one for a platform, as Docker chooses. */
import { HyperfileError } from '../base/error.ts';
import type { Descriptor, DescriptorPlatform } from './descriptor.ts';
import type { ImageIndex } from './manifest.ts';
import { IMAGE_TYPE } from './media-types.ts';

/** Or several, the most wanted first: what there is decides. */
export type WantedPlatform = DescriptorPlatform | readonly DescriptorPlatform[];

/** Says of an entry that it only tells about another one (signatures, SBOMs). */
const REFERENCE_TYPE = 'vnd.docker.reference.type';
/** Says of an entry that it is the disk of a machine for one hypervisor, as podman keeps them beside an image. */
const DISK_TYPE = 'disktype';

/** What other programs call an architecture. */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  i386: '386',
  i686: '386',
  armhf: 'arm',
  armel: 'arm',
};

/** Newest first; a machine runs what is made for an older one. The first stands for an entry that says no variant. */
const VARIANTS: Readonly<Record<string, readonly string[]>> = {
  amd64: ['v4', 'v3', 'v2', 'v1'],
  arm64: ['v9', 'v8'],
  arm: ['v8', 'v7', 'v6', 'v5'],
};
/** What is meant by an architecture without a variant. */
const USUAL_VARIANTS: Readonly<Record<string, string>> = { amd64: 'v1', arm64: 'v8', arm: 'v7' };

/**
 * The entry of an index for a platform; one of ours before a container image, the newest variant that the platform runs
 * first. The only entry is taken when it says no platform. What is no image (attestations, bare disks) is passed over.
 *
 * @param name what the error calls the index
 * @throws HyperfileError OCI_PLATFORM_MISSING, which lists what there is
 */
export function choosePlatform(index: ImageIndex, wanted: WantedPlatform, name: string): Descriptor {
  const images = index.manifests.filter(isImage);
  const platforms = platformsOf(wanted);
  for (const platform of platforms) {
    const best = bestOf(images, platform);
    if (best !== undefined) return best;
  }
  const [only] = images;
  if (only !== undefined && images.length === 1 && only.platform === undefined) return only;
  const available = images.map(({ platform }) => describePlatform(platform));
  throw new HyperfileError('OCI_PLATFORM_MISSING', {
    data: {
      name,
      platform: platforms.map(describePlatform).join(' or '),
      available: available.length === 0 ? ['none'] : [...new Set(available)],
    },
  });
}

/** `linux/arm64/v8`, `windows/amd64 10.0.26100.1`. */
export function describePlatform(platform: DescriptorPlatform | undefined): string {
  if (platform === undefined) return 'one that does not say its platform';
  const { os, architecture, variant, 'os.version': version } = platform;
  return [[os, architecture, variant].filter(Boolean).join('/'), version].filter(Boolean).join(' ');
}

/** The most wanted first. */
export function platformsOf(wanted: WantedPlatform): readonly DescriptorPlatform[] {
  return 'os' in wanted ? [wanted] : wanted;
}

function bestOf(images: readonly Descriptor[], wanted: DescriptorPlatform): Descriptor | undefined {
  return images
    .map((image) => ({ image, rank: rankOf(image, wanted) }))
    .filter(({ rank }) => rank !== undefined)
    .sort((left, right) => compareRanks(left.rank ?? [], right.rank ?? []))[0]?.image;
}

function isImage({ annotations = {}, platform }: Descriptor): boolean {
  if (Object.hasOwn(annotations, REFERENCE_TYPE) || Object.hasOwn(annotations, DISK_TYPE)) return false;
  return !(platform?.os === 'unknown' && platform.architecture === 'unknown');
}

/** The lower, the better, the first number before the second; undefined: it does not run there. */
function rankOf({ platform, artifactType }: Descriptor, wanted: DescriptorPlatform): number[] | undefined {
  if (platform === undefined || platform.os !== wanted.os) return undefined;
  if (normal(platform.architecture) !== normal(wanted.architecture)) return undefined;
  const variant = variantRank(platform, wanted);
  const version = versionRank(platform['os.version'], wanted['os.version']);
  if (variant === undefined || version === undefined) return undefined;
  return [artifactType === IMAGE_TYPE ? 0 : 1, variant, ...version];
}

function variantRank(platform: DescriptorPlatform, wanted: DescriptorPlatform): number | undefined {
  const architecture = normal(wanted.architecture);
  const variants = VARIANTS[architecture];
  const usual = USUAL_VARIANTS[architecture] ?? '';
  const has = platform.variant || usual;
  const wants = wanted.variant || usual;
  if (variants === undefined) return has === wants || wants === '' ? 0 : undefined;
  if (has === wants) return 0;
  const steps = variants.indexOf(has) - variants.indexOf(wants);
  return variants.includes(wants) && variants.includes(has) && steps > 0 ? steps : undefined;
}

/** Windows guests: of the build that is wanted, the newest; of any build when none is wanted. */
function versionRank(has: string | undefined, wants: string | undefined): number[] | undefined {
  const parts = (version: string): number[] => version.split('.').map((part) => Number(part) || 0);
  if (has === undefined) return [0, 0, 0, 0];
  const [major = 0, minor = 0, build = 0, revision = 0] = parts(has);
  if (
    wants !== undefined &&
    parts(wants).slice(0, 3).join() !== [major, minor, build].slice(0, parts(wants).length).join()
  )
    return undefined;
  return [-major, -minor, -build, -revision];
}

function compareRanks(left: readonly number[], right: readonly number[]): number {
  const at = left.findIndex((value, index) => value !== right[index]);
  return at < 0 ? 0 : (left[at] ?? 0) - (right[at] ?? 0);
}

function normal(architecture: string): string {
  return ARCHITECTURES[architecture] ?? architecture;
}
