/** `hyperfile build`, with Docker's flags and their meaning. */
import type { Command } from 'commander';
import { DEFAULT_DISK_BYTES } from '../../build/options.ts';
import type { Platform } from '../../plan/platform.ts';
import type { Console } from '../console.ts';
import { addDriverOptions, collect, progressOption } from '../options.ts';
import { platformOption } from '../platform-option.ts';
import type { ViewFlags } from '../view-session.ts';
import { formatSize, parseSize } from '../size.ts';
import { addExamples } from '../verb.ts';

/** The options as commander hands them over. */
export interface BuildFlags extends ViewFlags {
  readonly tag?: readonly string[];
  readonly file?: string;
  readonly target?: string;
  readonly platform?: Platform;
  readonly buildArg?: readonly string[];
  readonly cache: boolean;
  readonly pull?: boolean;
  readonly cacheFrom?: readonly string[];
  readonly cacheTo?: readonly string[];
  readonly push?: boolean;
  readonly load?: boolean;
  readonly explain?: boolean;
  readonly insecure?: boolean;
  readonly iidfile?: string;
  readonly metadataFile?: string;
  readonly diskSize?: number;
  readonly driver?: string;
  readonly driverOpt?: readonly string[];
  readonly secret?: readonly string[];
}

const CACHES = `
Caches elsewhere (--cache-from, --cache-to):
  type=registry,ref=NAME        a record a step, each a tag of NAME elsewhere
  type=local,src=DIR (dest=DIR) the same in a folder
  type=gha                      GitHub's cache service; scope=NAME keeps apart
  type=inline                   --cache-to only: in the image that is pushed
With --cache-to also mode=min or max (all stages), ignore-error=false (a failed
export fails the build) and compression-level=1 to 22.`;

const DRIVERS = `
Drivers (--driver, --driver-opt):
  namespace (Linux)   runtime=builtin, crun or runc
  hyperv (Windows)    seal=shutdown or checkpoint; switch=NAME or its GUID;
                      boot-timeout=10m; setup-timeout=60m; stop-timeout=5m;
                      memory=2G and cpus=2 where the recipe has no MACHINE
Commands in Windows guests run as the user that --secret id=guest names: the
name on its first line and the password on the second, or, for guests that are
reached by SSH, a private key below the name. After USER bob in a Windows guest
they run as bob, whose secret is id=guest.bob.`;

export function define(command: Command, console: Console): void {
  command
    .description('Build an image from a Hyperfile. Finished steps come from the cache.')
    .argument('<PATH>', 'the folder whose files COPY and ADD may read')
    .option('-t, --tag <name>', 'name of the image, as NAME or NAME:TAG; may be repeated', collect)
    .option(
      '-f, --file <file>',
      'the recipe; - reads it from standard input (default: PATH/Hyperfile, else PATH/Dockerfile)',
    )
    .option('--target <stage>', 'stop at this stage (default: the last one)')
    .addOption(platformOption('which of several images to build on, such as windows/amd64'))
    .option(
      '--build-arg <name=value>',
      'value of an ARG; without =value it is taken from the environment; may be repeated',
      collect,
    )
    .option('--no-cache', 'run every step again')
    .option('--pull', 'look for newer bases')
    .option(
      '--cache-from <cache>',
      'take finished steps from a cache elsewhere, such as type=registry,ref=NAME; may be repeated',
      collect,
    )
    .option(
      '--cache-to <cache>',
      'keep finished steps in a cache elsewhere, such as type=registry,ref=NAME,mode=max; may be repeated',
      collect,
    )
    .option('--push', 'push the image under its tags; layers that are elsewhere only stay there')
    .option('--load', 'with --push: bring the image into the store as well')
    .option('--explain', 'say of each step where its result came from, or why it had to run')
    .option('--insecure', 'allow plain HTTP, and certificates that nobody vouches for')
    .addOption(progressOption())
    .option('-q, --quiet', 'print only the id of the image')
    .option('--iidfile <file>', 'write the id of the image to a file')
    .option('--metadata-file <file>', 'write what the build made to a file, as JSON')
    .option(
      '--disk-size <size>',
      `virtual size of disks made for new bases (default: ${formatSize(DEFAULT_DISK_BYTES)})`,
      parseSize,
    )
    .option(
      '--secret <secret>',
      'where a secret is read from, as id=guest,src=FILE or id=guest,env=NAME; may be repeated',
      collect,
    )
    .action(async (folder: string, flags: BuildFlags) => {
      const { buildImage } = await import('../build-image.ts');
      await buildImage(folder, flags, console);
    });
  addDriverOptions(command, 'what runs the steps');
  command.addHelpText('after', CACHES);
  command.addHelpText('after', DRIVERS);
  addExamples(command, [
    { what: 'the recipe in the current folder', line: 'hyperfile build -t web .' },
    {
      what: 'another recipe, another stage, a build argument',
      line: 'hyperfile build -f ci.Hyperfile --target test --build-arg VERSION=1.2 .',
    },
    {
      what: 'a recipe from standard input',
      line: "printf 'FROM scratch\\nCOPY . /\\n' | hyperfile build -f - -t files .",
    },
    { what: 'from a script: the id, and nothing else', line: 'id=$(hyperfile build -q .)' },
    {
      what: 'in a CI job: steps that any job has made come from the registry, the image goes there',
      line: 'hyperfile build --cache-from type=registry,ref=host.example/web-cache --cache-to type=registry,ref=host.example/web-cache,mode=max -t host.example/web --push .',
    },
    {
      what: 'a Windows guest: the account that its commands run in, and machines with more memory',
      line: 'hyperfile build --secret id=guest,src=guest.txt --driver-opt memory=8G,cpus=4 -t web .',
    },
    { what: 'why a step ran again', line: 'hyperfile build --explain .' },
  ]);
}
