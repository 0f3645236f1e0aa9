/** Makes dist/: the command (launcher, main and its lazily loaded parts), the disk server and the public API. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { rolldown, type OutputChunk } from 'rolldown';

const root = path.resolve(import.meta.dirname, '..');
const dist = path.join(root, 'dist');

/** Entries by the name of their file in dist/. What lies in no tree yet is left out. */
const ENTRIES: Record<string, string> = {
  main: 'src/cli/main.ts',
  'disk-server': 'src/fuse/server/main.ts',
  index: 'src/index.ts',
};

rmSync(dist, { recursive: true, force: true });
const chunks = await bundle();
copyFileSync(path.join(root, 'src/cli/launcher.cjs'), path.join(dist, 'hyperfile.cjs'));
chmodSync(path.join(dist, 'hyperfile.cjs'), 0o755);
const packages = bundledPackages(chunks);
writeFileSync(path.join(dist, 'THIRD-PARTY-LICENSES.txt'), licences(packages));
const sizeKiB = chunks.reduce((sum, chunk) => sum + chunk.code.length, 0) / 1024;
console.log(
  `dist/: ${chunks.length} files, ${sizeKiB.toFixed(0)} KiB, with ${packages.length} packages inside`,
);

async function bundle(): Promise<OutputChunk[]> {
  const input = Object.entries(ENTRIES)
    .map(([name, file]) => [name, path.join(root, file)] as const)
    .filter(([, file]) => existsSync(file));
  const build = await rolldown({
    input: Object.fromEntries(input),
    platform: 'node',
    external: [/^node:/],
    logLevel: 'warn',
  });
  // One flat folder: every file finds its neighbours (the disk server) beside itself.
  const { output } = await build.write({
    dir: dist,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'part-[name].js',
    legalComments: 'inline',
  });
  await build.close();
  return output.filter((file) => file.type === 'chunk');
}

/** Folders of the packages whose code went into dist/, sorted. */
function bundledPackages(built: readonly OutputChunk[]): string[] {
  const folders = new Set<string>();
  for (const id of built.flatMap((chunk) => chunk.moduleIds)) {
    const match = /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id.replaceAll('\\', '/'));
    if (match) folders.add(match[0]);
  }
  return [...folders].sort();
}

/** Every bundled package with its licence text, which MIT and its like ask to be kept. */
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
