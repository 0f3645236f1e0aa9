/** Command lines against a real registry, each with a store of its own. */
import { rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished } from 'vitest';
import { run } from '../../src/cli/run.ts';
import { Store } from '../../src/store/store.ts';
import type { TransferEvent } from '../../src/transfer/events.ts';
import { makeImage } from '../transfer/support.ts';
import { fakeConsole, type FakeOptions } from './fake-console.ts';

/** A machine: a store and an environment. */
export interface Host {
  readonly folder: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Ran {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

export function newHost(env: Readonly<Record<string, string>>): Host {
  const folder = mkdtempSync(path.join(tmpdir(), 'hyperfile-cli-transfer-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  // Where names without a host would lead: nobody is there.
  const nowhere = { HYPERFILE_DEFAULT_REGISTRY: '127.0.0.1:1' };
  return { folder, env: { ...nowhere, ...env, HYPERFILE_STORE: path.join(folder, 'store') } };
}

/** Puts an image of real layers into a host's store, under all these names. Returns its id. */
export async function withImage(host: Host, names: readonly string[], seed = 1): Promise<string> {
  const store = await Store.open(host.env.HYPERFILE_STORE ?? '');
  const lease = await store.lease();
  try {
    const { id } = await makeImage(store, { name: names[0] ?? 'web', layers: 2, seed });
    for (const name of names) await store.tag(name, id);
    return id;
  } finally {
    lease.release();
    store.close();
  }
}

/** Runs a command line on a host, and checks that whatever it says is for people. */
export async function hyperfile(host: Host, line: string, options: FakeOptions = {}): Promise<Ran> {
  const console = fakeConsole({ cwd: host.folder, ...options, env: { ...host.env, ...options.env } });
  const status = await run(line.split(' '), console);
  const { out, err } = console.written;
  expect(err).not.toMatch(/^ +at .*\.ts:\d+/m);
  expect(err).not.toContain('CLI_INTERNAL');
  return { status, out, err };
}

/** Runs what must succeed and returns its standard output. */
export async function output(host: Host, line: string, options: FakeOptions = {}): Promise<string> {
  const { status, out, err } = await hyperfile(host, line, options);
  expect(status, err).toBe(0);
  return out;
}

/** The events of a command line that must succeed. */
export async function eventsOf(host: Host, line: string): Promise<TransferEvent[]> {
  const text = await output(host, `${line} --format json`);
  return text
    .trimEnd()
    .split('\n')
    .map((one) => JSON.parse(one) as TransferEvent);
}

/** How many bytes the whole transfer moved, as its last event says. */
export function movedBytes(events: readonly TransferEvent[]): number {
  const last = events.at(-1);
  return last?.type === 'transfer-end' ? last.movedBytes : NaN;
}

/** The images of a host by name. */
export async function imagesOf(host: Host): Promise<Map<string, string>> {
  const listed = JSON.parse(await output(host, 'images --format json')) as { id: string; names: string[] }[];
  return new Map(listed.flatMap(({ id, names }) => names.map((name) => [name, id])));
}
