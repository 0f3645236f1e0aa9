/** Builds in a store of the test's own, and looks at what came out. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { build, type BuildResult } from '../../src/build/build.ts';
import type { BuildEvent } from '../../src/build/events.ts';
import type { BuildOptions } from '../../src/build/options.ts';
import type { DriverChoice } from '../../src/build/workshop.ts';
import { chooseDriver } from '../../src/drivers/drivers.ts';
import { Store } from '../../src/store/store.ts';

/** Small: the tests make many. */
const DISK_BYTES = 1024 ** 3;

export const BUILD_NEEDS = ['root', '/dev/fuse', 'mke2fs', 'losetup', 'busybox'];

export interface Built extends BuildResult {
  readonly events: readonly BuildEvent[];
  /** `<title> <status>` of every step, in the order they ended. */
  readonly steps: readonly string[];
}

export type Files = Readonly<Record<string, string>>;

export class Yard {
  readonly folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-test-'));
  readonly home = path.join(this.folder, 'store');
  readonly context = path.join(this.folder, 'context');
  #store: Promise<Store> | undefined;

  store(): Promise<Store> {
    this.#store ??= Store.open(this.home);
    return this.#store;
  }

  /** Writes files of the context; a path that ends with `/` is a folder. */
  write(files: Files): void {
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(this.context, name);
      mkdirSync(name.endsWith('/') ? file : path.dirname(file), { recursive: true });
      if (!name.endsWith('/')) writeFileSync(file, content);
    }
  }

  /** The host's static busybox becomes a file of the context, for guests that run commands. */
  writeBusybox(): void {
    mkdirSync(this.context, { recursive: true });
    const which = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
    execFileSync('cp', [which, path.join(this.context, 'busybox')]);
  }

  async build(
    recipe: string,
    options: Partial<BuildOptions> = {},
    signal = new AbortController().signal,
    driverChoice?: DriverChoice,
  ): Promise<Built> {
    mkdirSync(this.context, { recursive: true });
    const events: BuildEvent[] = [];
    const all: BuildOptions = {
      contextPath: this.context,
      recipeText: recipe,
      tags: [],
      buildArgs: {},
      noCache: false,
      pull: false,
      diskSizeBytes: DISK_BYTES,
      ...options,
    };
    const result = await build(all, {
      store: await this.store(),
      onEvent: (event) => events.push(event),
      signal,
      ...(driverChoice && { chooseDriver: driverChoice }),
    });
    return { ...result, events, steps: stepsOf(events) };
  }

  /** Runs `look` with an image's root file system mounted read-only. */
  async inside<T>(image: string, look: (rootPath: string) => T | Promise<T>): Promise<T> {
    const store = await this.store();
    const { config } = await store.image(image);
    const driver = await chooseDriver(undefined, { stateFolder: this.home });
    try {
      const { rootOffset: offset, rootLength: length, rootType: type } = config.disk;
      const chain = store.chainPaths(config.layers);
      const sandbox = await driver.open({ chain, root: { offset, length, type } });
      return await look((await sandbox.files.asSource({ sources: [] })).rootPath);
    } finally {
      await driver.close();
    }
  }

  /** Layer files that no record names: what a failed or interrupted build must not leave. */
  strayLayers(): string[] {
    const names = readdirSync(path.join(this.home, 'layers'));
    return names.filter((name) => name.endsWith('.vhdx') && !names.includes(name.replace(/vhdx$/, 'json')));
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A recipe's first lines: an empty disk with a shell and the usual tools. */
export const SHELL = `FROM scratch
COPY busybox /bin/
RUN ["/bin/busybox", "--install", "-s", "/bin"]
`;

export function stepsOf(events: readonly BuildEvent[]): string[] {
  const titles = new Map<string, string>();
  const ended: string[] = [];
  for (const event of events) {
    if (event.type === 'step-start') titles.set(event.step, event.title);
    if (event.type === 'step-end') ended.push(`${titles.get(event.step)} ${event.status}`);
  }
  return ended;
}

/** Everything that commands of a build printed. */
export function outputOf(events: readonly BuildEvent[]): string {
  return events.map((event) => (event.type === 'step-output' ? event.text : '')).join('');
}
