/** A folder with a store and a build context of its own, the command line run on them, and what it must leave. */
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { Store } from '../../../src/store/store.ts';
import { RunningCommand, type CommandOptions, type Ended } from './command.ts';
import { lastingTracesOf } from '../../support/traces.ts';

export const SITE_NEEDS = ['root', '/dev/fuse', 'mke2fs', 'losetup', 'busybox', '7zz', 'qemu-img'];

/** Small disks: the tests make many. */
const BUILD = ['build', '--progress', 'plain', '--disk-size', '1G'];

export type Files = Readonly<Record<string, string | Uint8Array>>;

export class Site {
  readonly folder: string;
  readonly home: string;
  readonly context: string;

  /** @param home The store's folder, where it must lie elsewhere. */
  constructor(home?: string) {
    this.folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-e2e-'));
    this.home = home ?? path.join(this.folder, 'store');
    this.context = path.join(this.folder, 'context');
    mkdirSync(this.context);
  }

  /** The first lines of a recipe whose guest has a shell, and whose commands can be told from those of others. */
  get shell(): string {
    return `FROM scratch
ENV SITE=${this.folder}
COPY busybox /bin/
RUN ["/bin/busybox", "--install", "-s", "/bin"]
`;
  }

  /** Puts an image `shell` into the store, and a `page` to copy into the context. */
  async prepare(): Promise<void> {
    const which = execFileSync('sh', ['-c', 'command -v busybox'], { encoding: 'utf8' }).trim();
    execFileSync('cp', [which, path.join(this.context, 'busybox')]);
    this.write({ page: 'a page\n' });
    const { status, err } = await this.build(this.shell, ['-t', 'shell']);
    expect(status, err).toBe(0);
  }

  write(files: Files): void {
    for (const [name, content] of Object.entries(files)) {
      const file = path.join(this.context, name);
      mkdirSync(path.dirname(file), { recursive: true });
      writeFileSync(file, content);
    }
  }

  start(args: readonly string[], options: CommandOptions = {}): RunningCommand {
    return new RunningCommand(args, { ...options, env: { HYPERFILE_STORE: this.home, ...options.env } });
  }

  run(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
    return this.start(args, options).ended;
  }

  startBuild(recipe: string, flags: readonly string[] = [], options: CommandOptions = {}): RunningCommand {
    const file = path.join(this.folder, `${Math.random().toString(36).slice(2)}.Hyperfile`);
    writeFileSync(file, recipe);
    return this.start([...BUILD, ...flags, '-f', file, this.context], options);
  }

  build(recipe: string, flags: readonly string[] = [], options: CommandOptions = {}): Promise<Ended> {
    return this.startBuild(recipe, flags, options).ended;
  }

  /** A build that must succeed; returns what it printed. */
  async built(recipe: string, flags: readonly string[] = []): Promise<string> {
    const { status, err } = await this.build(recipe, flags);
    expect(status, err).toBe(0);
    return err;
  }

  /** A build that must fail with a status and say certain things; returns the whole message. */
  async refused(
    recipe: string,
    status: number,
    says: readonly (string | RegExp)[],
    flags: readonly string[] = [],
    options: CommandOptions = {},
  ): Promise<string> {
    const ended = await this.build(recipe, flags, options);
    expectRefusal(ended, status, says);
    return ended.err;
  }

  /** What a guest's file holds in an image: printed by a command in it. */
  async fileOf(image: string, guestPath: string): Promise<string> {
    const err = await this.built(`FROM ${image}\nRUN sed 's/^/|/' ${guestPath}\n`, ['--no-cache']);
    return [...err.matchAll(/^#\d+ [\d.]+ \|(.*)$/gm)].map(([, line]) => `${line}\n`).join('');
  }

  /** Layer files without a record, and anything in the store that was never finished. */
  strayFiles(): string[] {
    return readdirSync(this.home, { recursive: true, encoding: 'utf8' }).filter((name) => {
      if (name.startsWith('run/') || name.startsWith('leases/') || name.startsWith('locks/')) return true;
      if (path.basename(name).startsWith('.unfinished-')) return true;
      if (!name.startsWith('layers/') || !name.endsWith('.vhdx')) return false;
      return !statSync(path.join(this.home, name.replace(/vhdx$/, 'json')), { throwIfNoEntry: false });
    });
  }

  /** Nothing is left of any command: no mount, loop device, process, unfinished file, lease or lock. */
  async expectNothingLeft(): Promise<void> {
    expect(await lastingTracesOf(this.folder)).toEqual([]);
    expect(await lastingTracesOf(this.home)).toEqual([]);
    expect(this.strayFiles()).toEqual([]);
  }

  /** Not even a store was made. */
  expectNoStore(): void {
    expect(existsSync(this.home)).toBe(false);
  }

  /** The store holds what it says it holds, and the judges can read its layers. */
  async expectWholeStore(): Promise<void> {
    const store = await Store.open(this.home);
    expect(await store.check()).toEqual([]);
    store.close();
    const layers = path.join(this.home, 'layers');
    const records = readdirSync(layers).filter((name) => name.endsWith('.json'));
    for (const name of records) {
      const { id, parent } = JSON.parse(readFileSync(path.join(layers, name), 'utf8')) as {
        id: string;
        parent?: string;
      };
      const file = path.join(layers, `${id}.vhdx`);
      // qemu-img knows no differences.
      if (parent === undefined) execFileSync('qemu-img', ['check', '-q', file], { stdio: 'pipe' });
    }
    for (const leaf of leavesOf(layers, records)) execFileSync('7zz', ['t', leaf], { stdio: 'pipe' });
  }

  /** What was in the store before still works: every step of `shell` comes from the cache. */
  async expectCached(): Promise<void> {
    const err = await this.built(this.shell);
    expect(err).toContain('(3 steps, 3 cached)');
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A clear error: the status, what is said, the code and its page, and nothing of the program's insides. */
export function expectRefusal(ended: Ended, status: number, says: readonly (string | RegExp)[]): void {
  const { err } = ended;
  for (const text of says) {
    if (typeof text === 'string') expect(err).toContain(text);
    else expect(err).toMatch(text);
  }
  expect(ended.status, err).toBe(status);
  expect(err).toMatch(/^hyperfile: error: /m);
  expect(err).toMatch(/^ {2}[A-Z]+(_[A-Z]+)*, docs\/errors\/[A-Z_]+\.md$/m);
  expectNoStack(err);
}

/** No stack trace, no word of the program's own bugs. */
export function expectNoStack(text: string): void {
  expect(text).not.toMatch(/^\s+at .*(:\d+:\d+|node:internal)/m);
  expect(text).not.toMatch(/CLI_INTERNAL|UnhandledPromise|Warning: /);
}

/** The layers that no other stands on: reading them reads every layer below. */
function leavesOf(layers: string, records: readonly string[]): string[] {
  const read = (name: string) =>
    JSON.parse(readFileSync(path.join(layers, name), 'utf8')) as { id: string; parent?: string };
  const parents = new Set(records.map((name) => read(name).parent));
  return records
    .map((name) => read(name).id)
    .filter((id) => !parents.has(id))
    .map((id) => path.join(layers, `${id}.vhdx`));
}
