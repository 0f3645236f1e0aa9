/**
 * A call of a function through the PowerShell session, beside a bare command through node-powershell, and beside a new
 * PowerShell for each call, which is what others do. In the tests' PowerShell; skipped where there is none.
 *
 *     node bench/powershell.ts
 */
import path from 'node:path';
import { PowerShell } from 'node-powershell';
import { runTool } from '../src/base/process.ts';
import { PowerShellSession } from '../src/drivers/hyperv/session/session.ts';
import { has } from '../test/support/needs.ts';
import {
  powershellEngine,
  POWERSHELL_ENVIRONMENT,
  POWERSHELL_NEEDS,
} from '../test/support/powershell/engine.ts';
import { medians, row, TABLE_HEAD } from './timing.ts';

const RUNS = 7;
/** PowerShell compiles what runs often. */
const WARM_CALLS = 300;
const CALLS_A_RUN = 20;
const BARE_BOUND = 10;
const NEW_PROCESS_BOUND = 0.1;

const missing = POWERSHELL_NEEDS.filter((need) => !has(need));
if (missing.length > 0) console.log(`skipped: needs ${missing.join(', ')}`);
else await bench();

async function bench(): Promise<void> {
  const { executable } = await powershellEngine();
  const module = path.resolve(import.meta.dirname, '../test/drivers/hyperv/session/Sample.psm1');
  const session = new PowerShellSession({ executable, modules: [module] });
  process.env.NODE_POWERSHELL = executable;
  const bare = new PowerShell({
    executableOptions: { '-NoProfile': true, '-NonInteractive': true },
    spawnOptions: { env: { ...process.env, ...POWERSHELL_ENVIRONMENT } },
  });
  const call = (): Promise<unknown> => session.call('Sample\\Get-Echo', { Value: 'C:\\disk.vhdx' });
  const command = (): Promise<unknown> => bare.invoke("'C:\\disk.vhdx'");
  const newProcess = (): Promise<unknown> =>
    runTool(executable, ['-NoProfile', '-NonInteractive', '-Command', "'C:\\disk.vhdx'"], {
      env: POWERSHELL_ENVIRONMENT,
    });
  for (let time = 0; time < WARM_CALLS; time++) await Promise.all([call(), command()]);
  const times = await medians(
    [
      { name: 'session', run: () => repeat(call) },
      { name: 'bare', run: () => repeat(command) },
      { name: 'process', run: async () => void (await newProcess()) },
    ],
    RUNS,
  );
  await session.close();
  await bare.dispose();
  const [ours, theirs] = [times.get('session')! / CALLS_A_RUN, times.get('bare')! / CALLS_A_RUN];
  console.log(TABLE_HEAD);
  console.log(row('a call', ours, 'a bare command', theirs, BARE_BOUND));
  console.log(row('a call', ours, 'a new PowerShell', times.get('process')!, NEW_PROCESS_BOUND));
}

async function repeat(work: () => Promise<unknown>): Promise<void> {
  for (let time = 0; time < CALLS_A_RUN; time++) await work();
}
