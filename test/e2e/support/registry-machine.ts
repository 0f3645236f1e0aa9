/** A machine beside a registry: a store and a context of its own, and in its environment what lets it in. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'vitest';
import type { SeenRequest } from '../../support/fault-proxy.ts';
import { REGISTRY_NEEDS } from '../../support/registry.ts';
import type { CommandOptions, Ended, RunningCommand } from './command.ts';
import { expectNoStack, Site, SITE_NEEDS } from './site.ts';

export const MACHINE_NEEDS: readonly string[] = [...SITE_NEEDS, ...REGISTRY_NEEDS];

type Env = Readonly<Record<string, string>>;

export class Machine extends Site {
  readonly #env: Env;

  /** @param home The store's folder, where it must lie elsewhere. */
  constructor(env: Env, home?: string) {
    super(home);
    this.#env = env;
  }

  override start(args: readonly string[], options: CommandOptions = {}): RunningCommand {
    return super.start(args, { ...options, env: { ...this.#env, ...options.env } });
  }

  /** A command that must succeed; returns what it printed for people and for scripts. */
  async done(args: readonly string[], options: CommandOptions = {}): Promise<Ended> {
    const ended = await this.run(args, options);
    expect(ended.status, ended.err + ended.out).toBe(0);
    expectNoStack(ended.err);
    return ended;
  }

  /** The same files to build from as another machine has. */
  take({ context }: Site): void {
    for (const name of readdirSync(context)) this.write({ [name]: readFileSync(path.join(context, name)) });
  }

  /** The id of an image of the store. */
  async imageId(name: string): Promise<string> {
    return (await this.#inspect(name)).id;
  }

  /** The files of an image's layers, leaf first. */
  async chainOf(name: string): Promise<string[]> {
    const { layers } = await this.#inspect(name);
    return layers.map(({ id }) => path.join(this.home, 'layers', `${id}.vhdx`));
  }

  async #inspect(name: string): Promise<{ id: string; layers: { id: string }[] }> {
    const { out } = await this.done(['inspect', name]);
    const [image] = JSON.parse(out) as { id: string; layers: { id: string }[] }[];
    return image;
  }

  /** The SHA-256 of every layer's file, by its name. */
  layers(): ReadonlyMap<string, string> {
    const folder = path.join(this.home, 'layers');
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.vhdx')) : [];
    const digest = (name: string) =>
      createHash('sha256')
        .update(readFileSync(path.join(folder, name)))
        .digest('hex');
    return new Map(names.sort().map((name) => [name, digest(name)]));
  }

  /** Parts of blobs that wait for the next attempt. */
  incoming(): string[] {
    const folder = path.join(this.home, 'incoming');
    return existsSync(folder) ? readdirSync(folder) : [];
  }

  /**
   * Whether a proxy has sent so many bytes of a blob, and some of it are on this machine's disk: what was sent may still
   * be with the system, or in the memory of the command.
   */
  hasPartOf(sent: readonly SeenRequest[], sentBytes: number): boolean {
    const sizeOf = (hex: string) =>
      statSync(path.join(this.home, 'incoming', hex), { throwIfNoEntry: false })?.size ?? 0;
    return sent.some(({ path: asked, downBytes }) => {
      const hex = /\/blobs\/sha256:([0-9a-f]{64})$/.exec(asked)?.[1];
      return hex !== undefined && downBytes >= sentBytes && sizeOf(hex) > 0;
    });
  }

  /** No image is listed; whole layers that arrived may wait for the next attempt. */
  async expectNoImage(): Promise<void> {
    const { out, err } = await this.done(['images', '--format', 'json']);
    expect(JSON.parse(out)).toEqual([]);
    expect(err).toBe('');
    expect(this.strayFiles()).toEqual([]);
  }
}

/** The warnings about caches that a build printed. */
export function cacheWarnings(err: string): string[] {
  return err.split('\n').filter((line) => /^WARNING: .*\bcache\b/.test(line));
}
