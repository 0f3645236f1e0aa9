/** What `doctor` finds: the program, the store and the driver that suits this host. */
import { existsSync, statfsSync } from 'node:fs';
import path from 'node:path';
import { isHyperfileError } from '../base/error.ts';
import { storeFolder } from '../base/paths.ts';
import type { Finding } from '../drivers/driver.ts';
import { colorsFor, type Console } from './console.ts';
import { formatSize } from './size.ts';
import { VERSION } from './version.ts';

export interface HostReport {
  readonly version: string;
  readonly node: string;
  readonly platform: string;
  readonly store: { readonly path: string; readonly freeBytes: number };
  /** Absent when this host has no driver at all. */
  readonly driver?: string;
  readonly findings: readonly Finding[];
}

/** Under this, the next base may not fit. */
const SCARCE_BYTES = 2 * 1024 ** 3;

export async function examineHost(console: Console): Promise<HostReport> {
  const folder = storeFolder(console.env);
  const freeBytes = freeSpaceAt(folder);
  const { name, findings } = await examineDriver(folder);
  return {
    version: VERSION,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    store: { path: folder, freeBytes },
    ...(name !== undefined && { driver: name }),
    findings: [...findings, spaceFinding(folder, freeBytes), ...(await examineStore(folder))],
  };
}

export function formatHost(host: HostReport, console: Console): string {
  const { green, yellow, red, dim } = colorsFor(console, console.out);
  const marks = { ok: green('ok     '), advice: yellow('advice '), problem: red('problem') };
  const lines = [
    `hyperfile ${host.version} on node ${host.node}, ${host.platform}`,
    `store     ${host.store.path}`,
    `driver    ${host.driver ?? 'none suits this host'}`,
    '',
    ...host.findings.flatMap(({ level, what, todo }) => [
      `${marks[level]}  ${what}`,
      ...(todo === undefined ? [] : [dim(`         ${todo}`)]),
    ]),
  ];
  return `${lines.join('\n')}\n`;
}

async function examineDriver(stateFolder: string): Promise<{ name?: string; findings: readonly Finding[] }> {
  const { chooseDriver } = await import('../drivers/drivers.ts');
  try {
    const driver = await chooseDriver(undefined, { stateFolder });
    try {
      return { name: driver.name, findings: await driver.probe() };
    } finally {
      await driver.close();
    }
  } catch (error) {
    return { findings: [problem(error)] };
  }
}

/** A store that does not exist yet is fine: the first build makes it. */
async function examineStore(folder: string): Promise<Finding[]> {
  if (!existsSync(folder)) return [];
  try {
    const { Store } = await import('../store/store.ts');
    const store = await Store.open(folder);
    try {
      return (await store.check()).map(problem);
    } finally {
      store.close();
    }
  } catch (error) {
    return [problem(error)];
  }
}

function problem(error: unknown): Finding {
  if (!isHyperfileError(error)) throw error;
  return { level: 'problem', what: error.message, todo: error.hint };
}

function spaceFinding(folder: string, freeBytes: number): Finding {
  const what = `${formatSize(freeBytes)} free for the store`;
  if (freeBytes >= SCARCE_BYTES) return { level: 'ok', what };
  const todo = `Free space, for example with 'hyperfile prune', or set HYPERFILE_HOME to another place than ${folder}.`;
  return { level: 'advice', what, todo };
}

/** Of the nearest folder that exists. */
function freeSpaceAt(folder: string): number {
  let existing = folder;
  while (!existsSync(existing) && path.dirname(existing) !== existing) existing = path.dirname(existing);
  const { bavail, bsize } = statfsSync(existing);
  return bavail * bsize;
}
