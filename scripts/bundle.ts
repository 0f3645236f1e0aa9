/**
 * Makes dist/, or another folder given as argument: the command (launcher, main and its lazily loaded parts), the disk
 * server, the threads for blobs and for GitHub's cache service, and the public API, with every dependency inside; and the
 * PowerShell modules of the Hyper-V driver as they are.
 *
 * The bundle is CommonJS although the sources are ES modules: what a module of Node exports is then looked up when it is
 * used. An ES module takes all of it when it starts, which loads a third of Node; that was 12 of 60 ms of a command.
 */
import { chmodSync, copyFileSync, cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { rolldown, type OutputChunk, type Plugin } from 'rolldown';

const root = path.resolve(import.meta.dirname, '..');
const dist = path.resolve(process.argv[2] ?? path.join(root, 'dist'));

/** Entries by the name of their file. */
const ENTRIES = {
  main: 'src/cli/main.ts',
  'disk-server': 'src/fuse/server/main.ts',
  'gha-worker': 'src/cache/gha-worker.ts',
  'blob-thread': 'src/blob/thread.ts',
  index: 'src/index.ts',
};

/** commander loads child_process, and that loads the network, for subcommands in programs of their own. */
const NO_SUBCOMMAND_PROGRAMS: Plugin = {
  name: 'no-subcommand-programs',
  resolveId: (id, importer) =>
    id === 'node:child_process' && importer?.replaceAll('\\', '/').includes('/node_modules/commander/')
      ? '\0no-programs'
      : undefined,
  load: (id) => (id === '\0no-programs' ? 'export default {}' : undefined),
};

rmSync(dist, { recursive: true, force: true });
const chunks = await bundle();
copyFileSync(path.join(root, 'src/cli/launcher.cjs'), path.join(dist, 'hyperfile.cjs'));
chmodSync(path.join(dist, 'hyperfile.cjs'), 0o755);
cpSync(path.join(root, 'src/drivers/hyperv/powershell'), path.join(dist, 'powershell'), { recursive: true });
const packages = bundledPackages(chunks);
writeFileSync(path.join(dist, 'THIRD-PARTY-LICENSES.txt'), licences(packages));
const sizeKib = chunks.reduce((sum, chunk) => sum + chunk.code.length, 0) / 1024;
console.log(
  `${dist}: ${chunks.length} files, ${sizeKib.toFixed(0)} KiB, with ${packages.length} packages inside`,
);

async function bundle(): Promise<OutputChunk[]> {
  const build = await rolldown({
    input: Object.fromEntries(Object.entries(ENTRIES).map(([name, file]) => [name, path.join(root, file)])),
    platform: 'node',
    plugins: [NO_SUBCOMMAND_PROGRAMS],
    logLevel: 'warn',
  });
  // One flat folder: every file finds its neighbours (the disk server) beside itself.
  const { output } = await build.write({
    dir: dist,
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: 'part-[name].cjs',
    comments: { legal: true },
    // Less to read at every start; names stay, for the stacks in bug reports.
    minify: { compress: true, mangle: false, codegen: { removeWhitespace: true } },
  });
  await build.close();
  return output.filter((file) => file.type === 'chunk');
}

/** Folders of the packages whose code was taken in, sorted. */
function bundledPackages(built: readonly OutputChunk[]): string[] {
  const folders = new Set<string>();
  for (const id of built.flatMap((chunk) => chunk.moduleIds)) {
    const match = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id.replaceAll('\\', '/'));
    if (match) folders.add(match[0]);
  }
  return [...folders].sort();
}

/** Every package taken in with its licence text, which MIT and its like ask to be kept. */
function licences(folders: readonly string[]): string {
  const sections = folders.map((folder) => {
    const about = JSON.parse(readFileSync(path.join(folder, 'package.json'), 'utf8')) as Record<
      string,
      string
    >;
    const file = readdirSync(folder).find((name) => /^(licen[cs]e|copying)/i.test(name));
    const text = file
      ? readFileSync(path.join(folder, file), 'utf8').trim()
      : `Licence: ${about.license ?? 'unknown'}`;
    return `${about.name ?? folder} ${about.version ?? ''} (${about.license ?? 'unknown'})\n\n${text}\n`;
  });
  return sections.join(`\n${'-'.repeat(80)}\n\n`);
}
