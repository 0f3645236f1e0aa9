/**
 * A stand-in of Hyper-V for tests: modules for PowerShell whose parameters are those of the documentation
 * (module/), and a host that does what Hyper-V does with real VHDX files and real file systems (host/).
 *
 *     const standIn = await startStandIn();
 *     // Run PowerShell with standIn.environment; look at standIn.host; change standIn.host.faults and .guest.
 *     await standIn.stop();
 *
 * Where the documentation does not say what Windows does, a call fails with `NotInTheContract` instead of guessing.
 *
 * What it cannot show, because it runs on Linux:
 *  - A guest's drive C: exists for PowerShell's cmdlets and for the programs of guest/, not for .NET's file functions:
 *    `[IO.File]::ReadAllText('C:\x')` fails, and Copy-Item -ToSession wants a destination folder that exists.
 *  - A volume is in one folder at a time; a drive letter is only a name.
 *  - Linux guests have a heartbeat and addresses; what answers there is up to the test (linux-guest.ts has a real SSH
 *    server). PATH of a Windows guest is written as on this system, and only cmd.exe's own `exit` gives exit codes of more
 *    than eight bits.
 *  - ISO files are unpacked and have no drive letter; DISM is wimlib, which leaves links in images as they are; bcdboot writes
 *    a text in place of a boot configuration.
 *  - There is no VHD; no registry, rights of files, services.
 *  - What comes back from a guest carries PSComputerName and other properties, as on Windows: ConvertTo-Json shows them.
 */
import path from 'node:path';
import { powershellEngine, POWERSHELL_ENVIRONMENT, POWERSHELL_NEEDS } from '../engine.ts';
import { Host } from './host/host.ts';
import type { Language } from './host/messages.ts';
import { layModules } from './module/build-module.ts';

/** For `describeWith`. */
export const STANDIN_NEEDS: readonly string[] = [
  ...new Set([...POWERSHELL_NEEDS, 'dotnet:10', 'root', 'losetup', 'lowntfs-3g', 'mkntfs']),
];

export interface StandIn {
  readonly host: Host;
  /** The PowerShell to run. */
  readonly executable: string;
  /** What it needs to find the stand-in, added to the environment of this process. */
  readonly environment: Readonly<Record<string, string>>;
  /** Fails when something of the stand-in itself went wrong, after it has let everything go. */
  stop(): Promise<void>;
}

export async function startStandIn(options: { readonly language?: Language } = {}): Promise<StandIn> {
  const { executable } = await powershellEngine();
  const host = new Host({ ...options, powershell: executable });
  const modules = path.join(host.folder, 'modules');
  await layModules(modules);
  await host.start();
  return {
    host,
    executable,
    environment: {
      ...POWERSHELL_ENVIRONMENT,
      PSModulePath: modules,
      HYPERV_STANDIN: host.socketPath,
      NODE_POWERSHELL: executable,
    },
    stop: async () => {
      await host.stop();
      if (host.ownFaults.length > 0)
        throw new AggregateError(
          host.ownFaults,
          `the stand-in failed: ${host.ownFaults.map(String).join('; ')}`,
        );
    },
  };
}
