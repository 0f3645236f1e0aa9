/**
 * A step as the driver runs it, on the stand-in's host: files on the mounted sandbox, then a machine that starts and
 * stops. The test kills it somewhere in the middle. Arguments: state folder, base, sandbox, mark.
 */
import path from 'node:path';
import { openSession } from '../../../src/base/session.ts';
import { HyperVHost } from '../../../src/drivers/hyperv/host.ts';
import { PowerShellSession } from '../../../src/drivers/hyperv/session/session.ts';
import { createChild } from '../../../src/vhdx/create.ts';

const [stateFolder = '', base = '', sandbox = '', mark = ''] = process.argv.slice(2);
const claims = openSession(stateFolder);
// Sessions do not take over the search path for modules by themselves.
const session = new PowerShellSession({ env: { PSModulePath: process.env.PSModulePath } });
const host = new HyperVHost(session, mark);
claims.claim(sandbox);
createChild(sandbox, base, { blockBytes: 1024 ** 2 });
await host.mountDisk(sandbox, path.join(claims.folder, 'mount'));
await host.dismountDisk(sandbox);
const { id } = await host.newMachine({
  folder: path.join(claims.folder, 'machine'),
  diskPath: sandbox,
  memoryBytes: 512 * 1024 ** 2,
  processorCount: 1,
  hasTpm: true,
});
await host.waitForMachine(id, 'Heartbeat', { timeoutMs: 60_000, isOff: true });
await host.stopMachine(id, 10_000);
await host.removeMachine(id);
claims.discard(sandbox);
await session.close();
claims.close();
