/**
 * Shipping images to and from a registry on this machine: whole commands against skopeo moving the same bytes as a
 * container image, pushes with little or nothing new, and builds that find everything in a registry's cache.
 *
 *     npm run build && node bench/registry.ts [ship|nothing|changed|cache]...
 */
import { createWriteStream } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { randomFillSync } from 'node:crypto';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { execa } from 'execa';
import { startRegistry } from '../test/support/registry.ts';
import { median, medians, row, TABLE_HEAD } from './timing.ts';

const MIB = 1024 ** 2;
const FILE_BYTES = 512 * MIB;
const FILES = ['system-1', 'random-1', 'system-2', 'random-2'];
/** Runs a command and writes down the most memory it had. */
const PEAK = `import resource, subprocess, sys
status = subprocess.run(sys.argv[2:]).returncode
open(sys.argv[1], "w").write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(status)`;
const RUNS = Number(process.env.BENCH_ROUNDS ?? 3);

const root = path.resolve(import.meta.dirname, '..');
const folder = await mkdtemp(path.join(tmpdir(), 'hyperfile-bench-'));
/** One for each: what one forgets is no business of the other. */
let registry = await startRegistry();
let peerRegistry = await startRegistry();
const wanted = new Set(process.argv.slice(2));
const rows: string[] = [];

const PARTS: Readonly<Record<string, () => Promise<void>>> = { ship, nothing, changed, cache };

try {
  for (const [name, part] of Object.entries(PARTS)) if (wanted.size === 0 || wanted.has(name)) await part();
  console.log(`${TABLE_HEAD}\n${rows.join('\n')}`);
} finally {
  await registry.stop();
  await peerRegistry.stop();
  await rm(folder, { recursive: true, force: true });
}

function hyperfile(store: string, ...args: string[]) {
  const env = { HYPERFILE_STORE: path.join(folder, store), DOCKER_CONFIG: folder };
  return execa(process.execPath, [path.join(root, 'dist/hyperfile.cjs'), ...args], { env });
}

function skopeo(...args: string[]) {
  return execa('skopeo', ['--insecure-policy', ...args]);
}

/** 2 GiB: half of it what a system's files are, half of it random. */
async function makeContext(): Promise<string> {
  const context = path.join(folder, 'big');
  await mkdir(context);
  const systemFiles = await filesBelow('/usr/lib');
  for (const name of FILES) {
    const target = createWriteStream(path.join(context, name));
    for (let bytes = 0; bytes < FILE_BYTES;) {
      const piece = name.startsWith('random') ? randomFillSync(Buffer.alloc(MIB)) : await nextOf(systemFiles);
      const part = piece.subarray(0, FILE_BYTES - bytes);
      bytes += part.length;
      if (!target.write(part)) await new Promise<void>((resolve) => target.once('drain', () => resolve()));
    }
    await new Promise<void>((resolve) => target.end(resolve));
  }
  return context;
}

async function filesBelow(start: string): Promise<string[]> {
  const entries = await readdir(start, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => path.join(entry.parentPath, entry.name));
}

/** The files one after another, and again from the first when they do not reach. */
async function nextOf(files: string[]): Promise<Buffer> {
  const file = files.shift()!;
  files.push(file);
  return readFile(file);
}

/** Ours: an image of four layers; theirs: a container image of four, each with the same file, uncompressed. */
async function ship(): Promise<void> {
  const context = await makeContext();
  const copies = FILES.map((name) => `COPY ${name} /${name}`).join('\n');
  await writeFile(path.join(context, 'Hyperfile'), `FROM scratch\n${copies}\n`);
  await hyperfile('ours', 'build', '-q', '-t', 'big', context);
  const saved = await makeSaved(context);
  const push = await medians(
    [
      {
        name: 'ours',
        before: renewOurs,
        run: async () => void (await hyperfile('ours', 'push', '-q', `${registry.host}/ours:big`)),
      },
      {
        name: 'skopeo',
        before: renewTheirs,
        run: async () =>
          void (await skopeo(
            'copy',
            '--dest-tls-verify=false',
            `docker-archive:${saved}`,
            remote('theirs:big'),
          )),
      },
    ],
    RUNS,
  );
  rows.push(row('push 2 GiB, 4 layers', push.get('ours')!, 'skopeo', push.get('skopeo')!, 1 / 1.5));
  await pull();
}

async function pull(): Promise<void> {
  const empty = (name: string) => () => rm(path.join(folder, name), { recursive: true, force: true });
  const fetch = (target: string) => async () =>
    void (await skopeo('copy', '--src-tls-verify=false', remote('theirs:big'), target));
  const times = await medians(
    [
      {
        name: 'ours',
        before: empty('fresh'),
        run: async () => void (await hyperfile('fresh', 'pull', '-q', `${registry.host}/ours:big`)),
      },
      { name: 'unpacked', before: empty('big.tar'), run: fetch(`docker-archive:${folder}/big.tar`) },
      { name: 'packed', before: empty('copy'), run: fetch(`oci:${folder}/copy:big`) },
    ],
    RUNS,
  );
  const ours = times.get('ours')!;
  rows.push(
    row('pull 2 GiB, ready to attach', ours, 'skopeo, to docker-archive', times.get('unpacked')!, 1 / 1.5),
  );
  rows.push(row('the same', ours, 'skopeo, left compressed (oci)', times.get('packed')!, 1 / 1.5));
  await memory();
}

/** Peak resident memory of each command. */
async function memory(): Promise<void> {
  for (const [what, store, verb] of [
    ['push', 'ours', 'push'],
    ['pull', 'fresh', 'pull'],
  ] as const) {
    if (verb === 'push') await renewOurs();
    else {
      await hyperfile('ours', 'push', '-q', `${registry.host}/ours:big`);
      await rm(path.join(folder, 'fresh'), { recursive: true, force: true });
    }
    const report = path.join(folder, 'peak');
    const env = { HYPERFILE_STORE: path.join(folder, store), DOCKER_CONFIG: folder };
    const command = [
      process.execPath,
      path.join(root, 'dist/hyperfile.cjs'),
      verb,
      '-q',
      `${registry.host}/ours:big`,
    ];
    await execa('/usr/bin/python3', ['-c', PEAK, report, ...command], { env });
    const bytes = Number(await readFile(report, 'utf8')) * 1024;
    rows.push(row(`${what}: peak memory`, bytes, 'bound', 250 * 1e6, 1, 'bytes'));
  }
}

/** A container image as `docker save` writes it: each file in the tar of a layer, uncompressed as ours is in the store. */
async function makeSaved(context: string): Promise<string> {
  const saved = path.join(folder, 'saved');
  await mkdir(saved);
  const diffIds: string[] = [];
  for (const name of FILES) {
    await execa('tar', ['-cf', path.join(saved, `${name}.tar`), '-C', context, name]);
    const { stdout } = await execa('sha256sum', [path.join(saved, `${name}.tar`)]);
    diffIds.push(`sha256:${stdout.slice(0, 64)}`);
  }
  const platform = { architecture: 'amd64', os: 'linux' };
  const config = JSON.stringify({ ...platform, config: {}, rootfs: { type: 'layers', diff_ids: diffIds } });
  await writeFile(path.join(saved, 'config.json'), config);
  const image = {
    Config: 'config.json',
    RepoTags: ['theirs:big'],
    Layers: FILES.map((name) => `${name}.tar`),
  };
  await writeFile(path.join(saved, 'manifest.json'), JSON.stringify([image]));
  const archive = path.join(folder, 'theirs.tar');
  await execa('tar', ['-cf', archive, '-C', saved, ...(await readdir(saved))]);
  await rm(saved, { recursive: true });
  return archive;
}

function remote(name: string): string {
  return `docker://${peerRegistry.host}/${name}`;
}

/** Registries that have never seen anything; they remember blobs, so nothing less will do. */
async function renewOurs(): Promise<void> {
  await registry.stop();
  registry = await startRegistry();
  await hyperfile('ours', 'tag', 'big', `${registry.host}/ours:big`);
}

async function renewTheirs(): Promise<void> {
  await peerRegistry.stop();
  peerRegistry = await startRegistry();
}

async function nothing(): Promise<void> {
  await makeSmall('small', 'one');
  const name = `${registry.host}/small:1`;
  await hyperfile('small', 'build', '-q', '-t', name, path.join(folder, 'context-small'));
  await hyperfile('small', 'push', '-q', name);
  const seconds = [];
  for (let run = 0; run < 9; run++) {
    const startedMs = performance.now();
    await hyperfile('small', 'push', '-q', name);
    seconds.push((performance.now() - startedMs) / 1000);
  }
  rows.push(row('push with nothing new', median(seconds), 'bound', 0.15, 1));
}

async function changed(): Promise<void> {
  const name = `${registry.host}/changed:1`;
  const context = path.join(folder, 'context-changed');
  await makeSmall('changed', 'one');
  await hyperfile('changed', 'build', '-q', '-t', name, context);
  await hyperfile('changed', 'push', '-q', name);
  const before = await sizeBelow(registry.folder);
  await writeFile(path.join(context, 'last'), randomFillSync(Buffer.alloc(4 * MIB)));
  await hyperfile('changed', 'build', '-q', '-t', name, context);
  await hyperfile('changed', 'push', '-q', name);
  const grown = (await sizeBelow(registry.folder)) - before;
  const { stdout } = await hyperfile('changed', 'inspect', '--remote', name, '--raw');
  const { layers } = JSON.parse(stdout) as { layers: { size: number }[] };
  const besides = grown - layers.at(-1)!.size;
  rows.push(row('push after one changed layer: besides that layer', besides, 'bound', 64 * 1024, 1, 'bytes'));
}

async function makeSmall(name: string, text: string): Promise<void> {
  const context = path.join(folder, `context-${name}`);
  await mkdir(context, { recursive: true });
  const copies = Array.from({ length: 8 }, (_, n) => `COPY file${n} /file${n}\n`).join('');
  await writeFile(path.join(context, 'Hyperfile'), `FROM scratch\n${copies}COPY last /last\n`);
  for (let n = 0; n < 8; n++) await writeFile(path.join(context, `file${n}`), `${text} ${n}\n`.repeat(1000));
  await writeFile(path.join(context, 'last'), text);
}

async function sizeBelow(start: string): Promise<number> {
  const entries = await readdir(path.join(start, 'data'), { recursive: true, withFileTypes: true });
  let bytes = 0;
  for (const entry of entries)
    if (entry.isFile()) bytes += (await stat(path.join(entry.parentPath, entry.name))).size;
  return bytes;
}

/** The demo's recipe: built once, then found in the registry's cache by stores that have never seen it. */
async function cache(): Promise<void> {
  const demo = path.join(root, 'samples/web');
  const ref = `type=registry,ref=${registry.host}/cache`;
  const coldMs = performance.now();
  await hyperfile('cold', 'build', '-q', '-t', 'web', demo);
  const cold = (performance.now() - coldMs) / 1000;
  await hyperfile('cold', 'build', '-q', '-t', 'web', '--cache-to', ref, demo);
  const forget = () => rm(path.join(folder, 'warm'), { recursive: true, force: true });
  const warm = await medians(
    [
      {
        name: 'load',
        before: forget,
        run: async () =>
          void (await hyperfile('warm', 'build', '-q', '-t', 'web', '--cache-from', ref, demo)),
      },
      {
        name: 'push',
        before: forget,
        run: async () =>
          void (await hyperfile(
            ...['warm', 'build', '-q', '--push', '-t', `${registry.host}/web:${Date.now()}`],
            ...['--cache-from', ref, demo],
          )),
      },
    ],
    5,
  );
  rows.push(row('demo, empty store, warm registry cache', warm.get('load')!, 'built', cold, 1 / 5));
  rows.push(row('the same, only a pushed tag', warm.get('push')!, 'bound', 0.5, 1));
}
