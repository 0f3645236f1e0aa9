/**
 * Whole builds against BuildKit and buildah (Debian's docker.io and buildah packages) in the same run.
 *
 *     node bench/build.ts [CASE]...     cases: run20 cold cached nginx size memory; default all
 */
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { isInstalled, startBuildah, startDocker, type Peer } from './peers.ts';
import { medians, row, TABLE_HEAD, type Timed } from './timing.ts';

const RUNS = Number(process.env.BENCH_RUNS ?? 5);
const BASE = 'bench-base';
const COMMAND = path.resolve(import.meta.dirname, '../dist/hyperfile.cjs');

const work = await mkdtemp(path.join(tmpdir(), 'hyperfile-bench-'));
const home = path.join(work, 'store');

async function hyperfile(args: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const { stdout } = await execa(process.execPath, [COMMAND, ...args], {
    env: { HYPERFILE_STORE: home, ...env },
  });
  return stdout;
}

/** The root file system every case starts from: made once for the machine. */
async function rootTar(): Promise<string> {
  const tar = path.join(tmpdir(), 'hyperfile-bench-root.tar');
  if (!(await stat(tar).catch(() => undefined))) {
    await execa('mmdebstrap', ['--variant=minbase', '--format=tar', 'bookworm', `${tar}.partial`]);
    await execa('mv', [`${tar}.partial`, tar]);
  }
  return tar;
}

async function recipe(name: string, lines: readonly string[]): Promise<string> {
  const folder = path.join(work, name);
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'Dockerfile'), lines.join('\n') + '\n');
  await writeFile(path.join(folder, 'page.html'), '<h1>hello</h1>\n');
  return folder;
}

const TWENTY_RUNS = Array.from({ length: 20 }, (_, index) => `RUN echo ${index} > /file${index}`);
const INSTALL =
  'RUN apt-get update && apt-get install -y --no-install-recommends nginx && rm -rf /var/lib/apt/lists/*';

async function run20(docker: Peer, buildah: Peer): Promise<void> {
  const folder = await recipe('run20', [`FROM ${BASE}`, ...TWENTY_RUNS]);
  const seconds = await medians(
    [
      {
        name: 'ours',
        run: async () => void (await hyperfile(['build', '-q', '--no-cache', '-t', 'run20', folder])),
      },
      { name: 'docker', run: () => docker.build(folder, 'run20', { noCache: true }) },
      { name: 'buildah', run: () => buildah.build(folder, 'run20', { noCache: true }) },
    ],
    RUNS,
  );
  console.log(
    row('20 RUN steps on a Debian base', seconds.get('ours')!, docker.name, seconds.get('docker')!, 1),
  );
  console.log(
    row('20 RUN steps on a Debian base', seconds.get('ours')!, buildah.name, seconds.get('buildah')!, 0.25),
  );
}

async function coldAndCached(tar: string, docker: Peer): Promise<void> {
  const three = [1, 2, 3].map((index) => `RUN echo ${index} > /step${index}`);
  const folder = await recipe('cold', ['FROM scratch', 'ADD root.tar /', ...three, 'COPY page.html /srv/']);
  await execa('cp', [tar, path.join(folder, 'root.tar')]);
  const cold = path.join(work, 'cold-store');
  const ours = async (): Promise<void> => {
    await hyperfile(['build', '-q', '-t', 'cold', folder], { HYPERFILE_STORE: cold });
  };
  const theirs = (): Promise<void> => docker.build(folder, 'cold');
  const first: Timed[] = [
    { name: 'ours', run: ours, before: () => rm(cold, { recursive: true, force: true }) },
    { name: 'docker', run: theirs, before: () => docker.forgetSteps() },
  ];
  const coldSeconds = await medians(first, RUNS);
  console.log(
    row(
      'scratch, ADD 170 MB, 3 RUN, COPY',
      coldSeconds.get('ours')!,
      docker.name,
      coldSeconds.get('docker')!,
      0.6,
    ),
  );
  const again = await medians(
    [
      { name: 'ours', run: ours },
      { name: 'docker', run: theirs },
    ],
    2 * RUNS,
  );
  console.log(row('the same, all cached', again.get('ours')!, docker.name, again.get('docker')!, 1.2));
  const version = await medians(
    [{ name: 'ours', run: async () => void (await hyperfile(['version'])) }],
    4 * RUNS,
  );
  console.log(row('hyperfile version', version.get('ours')!, 'bound', 0.06, 1));
}

async function nginx(docker: Peer, buildah: Peer): Promise<void> {
  const folder = await recipe('nginx', [`FROM ${BASE}`, INSTALL]);
  const seconds = await medians(
    [
      {
        name: 'ours',
        run: async () => void (await hyperfile(['build', '-q', '--no-cache', '-t', 'nginx', folder])),
      },
      { name: 'buildah', run: () => buildah.build(folder, 'nginx', { noCache: true }) },
    ],
    3,
  );
  console.log(row('apt-get install nginx', seconds.get('ours')!, buildah.name, seconds.get('buildah')!, 1));
  await docker.build(folder, 'nginx', { noCache: true });
  const theirs = await docker.lastLayerBytes!('nginx');
  console.log(row('size of its layer', await leafBytes('nginx'), docker.name, theirs, 1.3, 'bytes'));
}

async function leafFile(name: string): Promise<string> {
  const [image] = JSON.parse(await hyperfile(['inspect', name])) as { layers: { id: string }[] }[];
  return path.join(home, 'layers', `${image.layers[0].id}.vhdx`);
}

async function leafBytes(name: string): Promise<number> {
  const { blocks } = await stat(await leafFile(name));
  return blocks * 512;
}

async function size(): Promise<void> {
  const folder = await recipe('trivial', [`FROM ${BASE}`, 'RUN true', 'RUN echo hello > /hello']);
  await hyperfile(['build', '-q', '-t', 'trivial', folder]);
  const bytes = await leafBytes('trivial');
  console.log(row('layer of a trivial RUN', bytes, 'bound', 256 * 1024, 1, 'bytes'));
  const { stdout } = await execa('sh', ['-c', `zstd -3 -c '${await leafFile('trivial')}' | wc -c`]);
  console.log(row('the same, compressed (zstd -3)', Number(stdout), 'bound', 32 * 1024, 1, 'bytes'));
}

async function memory(): Promise<void> {
  const folder = await recipe('memory', [
    `FROM ${BASE}`,
    'RUN dd if=/dev/urandom of=/big bs=1M count=1024 status=none',
  ]);
  const { stderr } = await execa(
    '/usr/bin/time',
    ['-f', '%M', process.execPath, COMMAND, 'build', '-q', '--no-cache', folder],
    { env: { HYPERFILE_STORE: home } },
  );
  const kibibytes = Number(stderr.trim().split('\n').at(-1));
  console.log(
    row('peak memory, 1 GiB layer (largest process)', kibibytes * 1024, 'bound', 200 * 1024 ** 2, 1, 'bytes'),
  );
}

const wanted = process.argv.slice(2);
const asked = (name: string): boolean => wanted.length === 0 || wanted.includes(name);
if (!(await isInstalled('dockerd')) || !(await isInstalled('buildah'))) {
  console.error('bench/build needs the packages docker.io and buildah');
  process.exit(5);
}
const tar = await rootTar();
const docker = await startDocker();
const buildah = await startBuildah();
try {
  console.log(TABLE_HEAD);
  for (const peer of [docker, buildah]) await peer.importTar(tar, BASE);
  await hyperfile(['import', tar, BASE]);
  if (asked('run20')) await run20(docker, buildah);
  if (asked('cold') || asked('cached')) await coldAndCached(tar, docker);
  if (asked('nginx')) await nginx(docker, buildah);
  if (asked('size')) await size();
  if (asked('memory')) await memory();
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await docker.close();
  await buildah.close();
  await rm(work, { recursive: true, force: true });
}
