/** A store with a Windows base on the stand-in's host, and drivers for it. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'vitest';
import { staleSessions } from '../../../src/base/session.ts';
import { HyperVDriver, markOf, type HyperVDriverOptions } from '../../../src/drivers/hyperv/driver.ts';
import { HyperVHost } from '../../../src/drivers/hyperv/host.ts';
import { cleanLeftovers } from '../../../src/drivers/hyperv/leftovers.ts';
import { PowerShellSession } from '../../../src/drivers/hyperv/session/session.ts';
import { readGuestFiles } from '../../support/powershell/standin/read-disk.ts';
import { startStandIn, type StandIn } from '../../support/powershell/standin/standin.ts';
import { makeWindowsDisk } from '../../support/powershell/standin/windows-disk.ts';
import { ACCESS } from './line.ts';

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

  /** A file of what a chain holds. */
  async read(leaf: string, file: string): Promise<string | undefined> {
    return (await readGuestFiles(leaf, [file]))[file];
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
