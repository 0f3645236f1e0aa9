/** What `hyperfile build` does: options in Docker's words to a build, a view beside it, the results written down. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { HyperfileError, systemCode } from '../base/error.ts';
import type { BuildResult } from '../build/build.ts';
import { DEFAULT_DISK_BYTES, type BuildOptions } from '../build/options.ts';
import type { Console } from './console.ts';
import { driverOptions } from './driver-options.ts';
import { parseSecrets } from './secret-option.ts';
import type { BuildFlags } from './verbs/build.ts';
import { withView } from './view-session.ts';

/** @throws HyperfileError whatever the build throws, and CLI_NO_TERMINAL, CLI_OUTPUT_FILE */
export async function buildImage(folder: string, flags: BuildFlags, console: Console): Promise<void> {
  const options = await buildOptions(folder, flags, console);
  const result = await withView(flags, console, async (io) => {
    const { build } = await import('../build/build.ts');
    return build(options, io);
  });
  await writeResults(result, flags, console);
}

async function buildOptions(folder: string, flags: BuildFlags, console: Console): Promise<BuildOptions> {
  const { cacheFrom, cacheTo, push, load, explain, insecure } = flags;
  checkPush(flags);
  return {
    contextPath: path.resolve(console.cwd, folder),
    ...(await recipeSource(flags.file, console)),
    tags: flags.tag ?? [],
    ...(flags.target !== undefined && { target: flags.target }),
    ...(flags.platform && { platform: flags.platform }),
    buildArgs: buildArgs(flags.buildArg ?? [], console.env),
    noCache: !flags.cache,
    pull: flags.pull ?? false,
    diskSizeBytes: flags.diskSize ?? DEFAULT_DISK_BYTES,
    ...(flags.driver !== undefined && { driver: flags.driver }),
    ...driverOptions(flags.driverOpt, console.env),
    ...(flags.secret && { secrets: parseSecrets(flags.secret, console.cwd) }),
    ...(cacheFrom && { cacheFrom }),
    ...(cacheTo && { cacheTo }),
    ...(push !== undefined && { push }),
    ...(load !== undefined && { load }),
    ...(explain !== undefined && { explain }),
    ...(insecure !== undefined && { insecure }),
  };
}

/** A push needs a name to push to. */
function checkPush({ push, tag = [] }: BuildFlags): void {
  if (!push || tag.length > 0) return;
  const problem = '--push needs a name to push the image to';
  throw new HyperfileError('CLI_USAGE', { data: { problem }, hint: 'Name it with --tag HOST/NAME:TAG.' });
}

async function recipeSource(file: string | undefined, console: Console): Promise<Partial<BuildOptions>> {
  if (file === undefined) return {};
  if (file !== '-') return { recipePath: path.resolve(console.cwd, file) };
  const chunks: Buffer[] = [];
  for await (const chunk of console.input) chunks.push(Buffer.from(chunk));
  return { recipeText: Buffer.concat(chunks).toString('utf8') };
}

/** `K=V` as it stands; `K` alone takes the environment's value, and is left out when there is none. */
function buildArgs(pairs: readonly string[], env: Console['env']): Record<string, string> {
  const result: Record<string, string> = {};
  for (const pair of pairs) {
    const equals = pair.indexOf('=');
    const name = equals < 0 ? pair : pair.slice(0, equals);
    if (!/^[A-Za-z_]\w*$/.test(name)) {
      const data = { value: JSON.stringify(pair), option: '--build-arg', expected: 'NAME=VALUE or NAME' };
      throw new HyperfileError('CLI_BAD_VALUE', { data });
    }
    const value = equals < 0 ? env[name] : pair.slice(equals + 1);
    if (value !== undefined) result[name] = value;
  }
  return result;
}

async function writeResults(
  { image, pushed }: BuildResult,
  flags: BuildFlags,
  console: Console,
): Promise<void> {
  if (flags.iidfile !== undefined) await writeText(flags.iidfile, image.id, console);
  if (flags.metadataFile !== undefined) {
    const digest = pushed?.[0]?.digest;
    const metadata = {
      'image.name': (pushed?.map(({ name }) => name) ?? image.names).join(','),
      ...(digest !== undefined && { 'containerimage.digest': digest }),
      'hyperfile.image': image,
    };
    await writeText(flags.metadataFile, `${JSON.stringify(metadata, undefined, 2)}\n`, console);
  }
  if (flags.quiet) console.out.write(`${image.id}\n`);
}

async function writeText(file: string, text: string, console: Console): Promise<void> {
  try {
    await writeFile(path.resolve(console.cwd, file), text);
  } catch (error) {
    const problem = systemCode(error) ?? String(error);
    throw new HyperfileError('CLI_OUTPUT_FILE', { data: { path: file, problem }, cause: error });
  }
}
