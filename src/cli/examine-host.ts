/** What `doctor` finds: the program, the store and the driver that suits this host. */
import { existsSync } from 'node:fs';
import { isHyperfileError } from '../base/error.ts';
import { storeFolder } from '../base/paths.ts';
import type { Finding } from '../drivers/driver.ts';
import { colorsFor, type Console } from './console.ts';
import { VERSION } from './version.ts';

export interface HostReport {
  readonly version: string;
  readonly node: string;
  readonly platform: string;
  /** Absolute path. */
  readonly store: string;
  /** Absent when this host has no driver at all. */
  readonly driver?: string;
  readonly findings: readonly Finding[];
}

export async function examineHost(console: Console): Promise<HostReport> {
  const folder = storeFolder(console.env);
  const { name, findings } = await examineDriver(folder);
  return {
    version: VERSION,
    node: process.versions.node,
    platform: `${process.platform} ${process.arch}`,
    store: folder,
    ...(name !== undefined && { driver: name }),
    findings: [...findings, ...(await examineStore(folder))],
  };
}

export function formatHost(host: HostReport, console: Console): string {
  const { green, yellow, red, dim } = colorsFor(console, console.out);
  const marks = { ok: green('ok     '), advice: yellow('advice '), problem: red('problem') };
  const lines = [
    `hyperfile ${host.version} on node ${host.node}, ${host.platform}`,
    `store     ${host.store}`,
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
