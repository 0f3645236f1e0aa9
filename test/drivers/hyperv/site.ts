/** A store with a Windows base on the stand-in's host, and drivers for it. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { staleSessions } from '../../../src/base/session.ts';
import type { CommandIo, GuestCommand, Sandbox } from '../../../src/drivers/driver.ts';
import { HyperVDriver, markOf, type HyperVDriverOptions } from '../../../src/drivers/hyperv/driver.ts';
import { HyperVHost } from '../../../src/drivers/hyperv/host.ts';
import { cleanLeftovers } from '../../../src/drivers/hyperv/leftovers.ts';
import { PowerShellSession } from '../../../src/drivers/hyperv/session/session.ts';
import { createChild } from '../../../src/vhdx/create.ts';
import { startStandIn, type StandIn } from '../../support/powershell/standin/standin.ts';
import { makeWindowsDisk } from '../../support/powershell/standin/windows-disk.ts';

/** What every guest of the stand-in takes. */
export const ACCESS = { userName: 'Administrator', password: 'Passw0rd!' };

export class HyperVSite {
  readonly folder = mkdtempSync(path.join(os.tmpdir(), 'hyperv-driver-'));
  /** The state folder. */
  readonly store = path.join(this.folder, 'store [1]');
  readonly base = path.join(this.store, 'base.vhdx');
  standIn!: StandIn;
  powershell!: PowerShellSession;

  async prepare(): Promise<void> {
    mkdirSync(this.store);
    await makeWindowsDisk(this.base, { files: { 'readme.txt': 'hello' } });
    this.standIn = await startStandIn();
    this.powershell = new PowerShellSession(this.sessionOptions());
  }

  async remove(): Promise<void> {
    await this.powershell.close();
    await this.standIn.stop();
    rmSync(this.folder, { recursive: true });
  }

  sessionOptions(): { executable: string; env: NodeJS.ProcessEnv } {
    return { executable: this.standIn.executable, env: this.standIn.environment };
  }

  /** A driver with a session of its own. */
  driver(options: Partial<HyperVDriverOptions> = {}): HyperVDriver & { powershell: PowerShellSession } {
    const powershell = new PowerShellSession(this.sessionOptions());
    const guestAccess = () => Promise.resolve(ACCESS);
    const driver = new HyperVDriver({ stateFolder: this.store, guestAccess, powershell, ...options });
    return Object.assign(driver, { powershell });
  }

  layer(name: string): string {
    return path.join(this.store, `${name}.vhdx`);
  }

  /** What a chain holds, read on a disk of its own through the host. */
  async read(leaf: string, file: string): Promise<string | undefined> {
    const copy = path.join(this.folder, 'look.vhdx');
    const host = new HyperVHost(this.powershell, 'look');
    createChild(copy, leaf);
    const place = path.join(this.folder, 'look');
    try {
      await host.mountDisk(copy, place);
      const found = path.join(place, file);
      return existsSync(found) ? readFileSync(found, 'utf8') : undefined;
    } finally {
      await host.dismountDisk(copy);
      rmSync(copy);
    }
  }

  /** Nothing of ours is on the host, and nothing but finished layers in the store; then the layers go. */
  expectClean(layers: readonly string[] = []): void {
    expect(this.standIn.host.leftovers()).toEqual({ machines: [], disks: [], sessions: 0 });
    const run = path.join(this.store, 'run');
    expect(existsSync(run) ? readdirSync(run) : []).toEqual([]);
    const files = readdirSync(this.store).filter((name) => name !== 'run');
    expect(files.sort()).toEqual(['base.vhdx', ...layers.map((name) => `${name}.vhdx`)].sort());
    for (const name of layers) rmSync(this.layer(name));
  }

  /** What the next command does first. */
  async cleanUp(): Promise<void> {
    await cleanLeftovers(new HyperVHost(this.powershell, markOf(this.store)), staleSessions(this.store));
  }
}

/** A line for the guest's cmd.exe, with what a step gives it. */
export function line(text: string, more: Partial<GuestCommand> = {}): GuestCommand {
  return {
    argv: ['cmd', '/S', '/C', text],
    env: {},
    workdir: 'C:\\',
    user: '',
    network: 'host',
    ...more,
  };
}

/** Runs a line and returns how it ended and what it wrote. */
export async function runLine(
  sandbox: Sandbox,
  text: string,
  more: Partial<GuestCommand> = {},
  io: Partial<CommandIo> = {},
): Promise<{ status: number; stdout: string; stderr: string }> {
  const written = { stdout: '', stderr: '' };
  const { status } = await sandbox.run(line(text, more), {
    onOutput: (stream, chunk) => void (written[stream] += chunk.toString()),
    ...io,
  });
  return { status, ...written };
}
