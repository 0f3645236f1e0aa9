/** A command that is killed at any moment leaves nothing that the next one does not remove. */
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { staleSessions } from '../../../src/base/session.ts';
import { HyperVHost } from '../../../src/drivers/hyperv/host.ts';
import { cleanLeftovers } from '../../../src/drivers/hyperv/leftovers.ts';
import { PowerShellSession } from '../../../src/drivers/hyperv/session/session.ts';
import { describeWith } from '../../support/needs.ts';
import { startStandIn, STANDIN_NEEDS, type StandIn } from '../../support/powershell/standin/standin.ts';
import { makeWindowsDisk } from '../../support/powershell/standin/windows-disk.ts';
import { isAlive } from './session/support.ts';

const MARK = 'store-1';

describeWith(STANDIN_NEEDS, 'a command that is killed', () => {
  let folder: string;
  let standIn: StandIn;
  let session: PowerShellSession;
  let host: HyperVHost;
  let base: string;
  let whole: readonly string[];

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'hyperv-killed-'));
    await makeWindowsDisk(path.join(folder, 'base.vhdx'));
    standIn = await startStandIn();
    session = new PowerShellSession({ executable: standIn.executable, env: standIn.environment });
    host = new HyperVHost(session, MARK);
    base = path.join(folder, 'store', 'base.vhdx');
    mkdirSync(path.dirname(base));
    copyFileSync(path.join(folder, 'base.vhdx'), base);
    // Which cmdlets a step calls, one that is not killed.
    await step(Infinity);
    whole = standIn.host.calls.splice(0);
    expect(whole.length).toBeGreaterThan(20);
    expect(left()).toEqual({ machines: [], disks: [], sessions: 0, files: ['base.vhdx'], run: [] });
  });
  afterAll(async () => {
    await session.close();
    await standIn.stop();
    rmSync(folder, { recursive: true });
  });

  const stateFolder = (): string => path.join(folder, 'state');

  /** Runs a step until its host has been asked so many times; returns when nothing goes on any more. */
  async function step(lastCall: number): Promise<void> {
    const sandbox = path.join(path.dirname(base), 'sandbox.vhdx');
    const script = path.join(import.meta.dirname, 'killed-step.ts');
    const child = spawn(process.execPath, [script, stateFolder(), base, sandbox, MARK], {
      env: { ...process.env, ...standIn.environment },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    let hasEnded = false;
    const ended = new Promise<number | null>((resolve) =>
      child.on('exit', (status) => {
        hasEnded = true;
        resolve(status);
      }),
    );
    while (!hasEnded && standIn.host.calls.length < lastCall) await sleep(2);
    const started = childrenOf(child.pid!);
    child.kill('SIGKILL');
    const status = await ended;
    if (lastCall === Infinity) expect(status).toBe(0);
    while (started.some(isAlive)) await sleep(20);
    await standIn.host.settled();
  }

  function left(): object {
    const run = path.join(stateFolder(), 'run');
    return {
      ...standIn.host.leftovers(),
      files: readdirSync(path.dirname(base)),
      run: existsSync(run) ? readdirSync(run) : [],
    };
  }

  test('at any cmdlet of a step leaves what the next command removes, and only that', async () => {
    const others = await new HyperVHost(session, 'store-2').newMachine({
      folder: path.join(folder, 'machines'),
      diskPath: path.join(folder, 'base.vhdx'),
      memoryBytes: 512 * 1024 ** 2,
      processorCount: 1,
    });
    const name = standIn.host.machines.get(others.id)!.name;
    for (let lastCall = 1; lastCall <= whole.length; lastCall++) {
      standIn.host.calls.length = 0;
      await step(lastCall);
      await cleanLeftovers(host, staleSessions(stateFolder()));
      expect(left(), `killed at ${whole[lastCall - 1]}, number ${lastCall}`).toEqual({
        machines: [name],
        disks: [],
        sessions: 0,
        files: ['base.vhdx'],
        run: [],
      });
    }
    await host.removeMachine(others.id);
  });

  test('leaves nothing to do where nothing is left', async () => {
    expect(await cleanLeftovers(host, staleSessions(stateFolder()))).toBe(0);
  });
});

function childrenOf(pid: number): number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
      .trim()
      .split(' ')
      .filter(Boolean)
      .map(Number);
  } catch {
    return [];
  }
}
