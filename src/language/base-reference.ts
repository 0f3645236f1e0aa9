/** What FROM builds on, once its variables are filled in. Nothing is looked up here. */
import { HyperfileError, type SourceLocation } from '../base/error.ts';

export type BaseReference = ScratchBase | NamedBase | DiskBase | IsoBase | PlacedBase | DebootstrapBase;

/** An empty disk. */
export interface ScratchBase {
  readonly kind: 'scratch';
}

/** An earlier stage, else an image: `name[:tag][@digest]`. */
export interface NamedBase {
  readonly kind: 'image';
  readonly name: string;
}

/** A disk of the host; relative to the context's folder. */
export interface DiskBase {
  readonly kind: 'disk';
  readonly path: string;
  /** From the file's name. */
  readonly format: DiskFormat;
}

/** A medium that installs Windows; paths are relative to the context's folder. */
export interface IsoBase {
  readonly kind: 'iso';
  readonly path: string;
  /** Of the systems on the medium: its name or number; absent when there is but one. */
  readonly edition?: string;
  /** An answer file for Windows' setup. */
  readonly unattend?: string;
}

export type DiskFormat = 'vhdx' | 'vhd' | 'qcow2' | 'raw';

/** An image, mostly of a container, in a place that is named; what it is shows when it is read. */
export interface PlacedBase {
  readonly kind: 'placed';
  /** As skopeo calls them; `archive`: a tar whose kind its content tells. */
  readonly transport: Transport | 'docker' | 'archive';
  /** A name of a registry, a path, or `PATH[:TAG]`; paths are relative to the context's folder. */
  readonly place: string;
}

type Transport = 'oci' | 'oci-archive' | 'docker-archive';

/** A Debian or Ubuntu system, bootstrapped from its packages. */
export interface DebootstrapBase {
  readonly kind: 'debootstrap';
  /** Code name of the release: `bookworm`, `noble`. */
  readonly suite: string;
  readonly mirror?: string;
  readonly variant?: string;
  /** Packages beyond the variant's own. */
  readonly include: readonly string[];
}

const DISK_FORMATS: Readonly<Record<string, DiskFormat>> = {
  vhdx: 'vhdx',
  vhd: 'vhd',
  qcow2: 'qcow2',
  raw: 'raw',
  img: 'raw',
};
const TRANSPORT = /^(oci|oci-archive|docker-archive):(.*)$/s;
const PATH = /^(?:\.{0,2}[/\\]|[A-Za-z]:[/\\])/;
const SUITE = /^[a-z][a-z0-9.-]*$/;
const PACKAGE = /^[a-z0-9][a-z0-9.+-]*(?::[a-z0-9]+)?$/;
const VARIANT = /^[a-z-]+$/;
const MIRROR = /^(?:https?|file):\/\/\S+$/;
/** As registries take them: `[host[:port]/]path[:tag][@algorithm:hex]`. */
const IMAGE =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d+)?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::\w[\w.-]{0,127})?(?:@[a-z0-9]+:[0-9a-f]{32,})?$/;

/**
 * Reads the expanded text of FROM. A name is a stage or an image: only who knows the stages can tell.
 *
 * @throws HyperfileError LANG_BASE
 */
export function parseBase(text: string, at?: SourceLocation): BaseReference {
  const fail = (problem: string): never => {
    throw new HyperfileError('LANG_BASE', { data: { value: text, problem }, ...(at && { at }) });
  };
  if (text === '') return fail('it is empty');
  if (text.toLowerCase() === 'scratch') return { kind: 'scratch' };
  const [, scheme, rest = ''] = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/s.exec(text) ?? [];
  if (scheme?.toLowerCase() === 'debootstrap') return parseDebootstrap(rest, fail);
  if (scheme === 'docker') return parseRegistryName(rest, fail);
  if (scheme !== undefined) return fail(`${scheme}:// is unknown; there are debootstrap:// and docker://`);
  const [, transport, place] = TRANSPORT.exec(text) ?? [];
  if (transport !== undefined) return parsePlace(transport as Transport, place ?? '', fail);
  if (PATH.test(text)) return parseFile(text, fail);
  if (!IMAGE.test(text)) return fail('no image can have that name');
  return { kind: 'image', name: text };
}

function parseRegistryName(name: string, fail: (problem: string) => never): PlacedBase {
  if (!IMAGE.test(name)) return fail('the name of an image goes after docker://');
  return { kind: 'placed', transport: 'docker', place: name };
}

function parsePlace(transport: Transport, place: string, fail: (problem: string) => never): PlacedBase {
  if (/^:|^$/.test(place))
    return fail(`a ${transport === 'oci' ? 'folder' : 'file'} goes after ${transport}:`);
  return { kind: 'placed', transport, place };
}

function parseFile(path: string, fail: (problem: string) => never): DiskBase | IsoBase | PlacedBase {
  if (/\.iso$/i.test(path)) return { kind: 'iso', path };
  if (/\.tar$/i.test(path)) return { kind: 'placed', transport: 'archive', place: path };
  const extension = /\.(\w+)$/.exec(path)?.[1]?.toLowerCase() ?? '';
  const format = DISK_FORMATS[extension];
  if (format === undefined) {
    return fail(
      `a disk's name ends in ${Object.keys(DISK_FORMATS)
        .map((name) => `.${name}`)
        .join(', ')}, that of an archive in .tar, of a medium that installs Windows in .iso`,
    );
  }
  return { kind: 'disk', path, format };
}

/** `suite[?mirror=URL&variant=NAME&include=a,b]`; `include` may come several times. */
function parseDebootstrap(rest: string, fail: (problem: string) => never): DebootstrapBase {
  const [suite = '', query = ''] = rest.split(/\?(.*)/s);
  if (!SUITE.test(suite)) return fail('a release goes after debootstrap://, for example bookworm');
  // `g++` is a package; in a URL's query a bare plus would mean a space.
  const options = new URLSearchParams(query.replaceAll('+', '%2B'));
  for (const name of options.keys()) {
    if (!['mirror', 'variant', 'include'].includes(name)) {
      return fail(`debootstrap:// has no option ${name}; there are mirror, variant and include`);
    }
  }
  const include = options.getAll('include').flatMap(splitPackages);
  const mirror = options.get('mirror') ?? undefined;
  const variant = options.get('variant') ?? undefined;
  const problem = debootstrapProblem({ include, mirror, variant });
  if (problem !== undefined) return fail(problem);
  return { kind: 'debootstrap', suite, include, ...(mirror && { mirror }), ...(variant && { variant }) };
}

/** `a,b c` as `a`, `b`, `c`. */
export function splitPackages(list: string): string[] {
  return list.split(/[,\s]+/).filter(Boolean);
}

/** What is wrong with options of debootstrap, from the query or from the flags of FROM. */
export function debootstrapProblem(options: {
  readonly include?: readonly string[];
  readonly mirror?: string | undefined;
  readonly variant?: string | undefined;
}): string | undefined {
  const badPackage = options.include?.find((name) => !PACKAGE.test(name));
  if (badPackage !== undefined) return `${badPackage} is not the name of a package`;
  if (options.mirror !== undefined && !MIRROR.test(options.mirror))
    return `${options.mirror} is not a mirror's URL`;
  if (options.variant !== undefined && !VARIANT.test(options.variant))
    return `${options.variant} is not a variant`;
  return undefined;
}
