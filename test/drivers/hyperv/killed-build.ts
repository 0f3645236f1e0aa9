/**
 * A build as the driver runs it, on the stand-in's host, that is killed when PowerShell is called for the n-th time.
 * Without a number it goes on to its end and prints how many calls that took. Arguments: state folder, base, how layers
 * are sealed, n.
 */
import path from 'node:path';
import { HyperVDriver, openPowerShell } from '../../../src/drivers/hyperv/driver.ts';
import { ACCESS, line } from './line.ts';

const [stateFolder = '', base = '', seal = '', last] = process.argv.slice(2);
const powershell = openPowerShell();
const call = powershell.call.bind(powershell);
powershell.call = async (...args) => {
  if (powershell.callCount + 1 === Number(last)) process.kill(process.pid, 'SIGKILL');
  return call(...args);
};
const driver = new HyperVDriver({
  stateFolder,
  options: { seal },
  guestAccess: () => Promise.resolve(ACCESS),
  powershell,
});
const layer = (name: string): string => path.join(stateFolder, `${name}.vhdx`);
const io = { onOutput: () => undefined };
const sandbox = await driver.open({ chain: [base], sandboxPath: layer('one') });
await sandbox.files.makeDirectory('C:\\made');
await sandbox.seal(layer('two'));
await sandbox.run(line('echo 1> C:\\made\\one.txt'), io);
await sandbox.seal(layer('three'));
await sandbox.run(line('echo 2> C:\\made\\two.txt'), io);
await sandbox.restart();
await sandbox.files.makeDirectory('C:\\more');
await sandbox.close();
const view = await driver.open({ chain: [layer('two'), layer('one'), base] });
await view.files.asSource({ sources: [] });
await view.close();
const calls = powershell.callCount;
await driver.close();
process.stdout.write(String(calls));
