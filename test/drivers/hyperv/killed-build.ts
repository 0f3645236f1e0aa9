/**
 * A build as the driver runs it, on the stand-in's host, that is killed when PowerShell is called for the n-th time.
 * Without a number it goes on to its end and prints how many calls that took. Arguments: state folder, what is built (see
 * killed-build.test.ts), n.
 */
import path from 'node:path';
import type { GuestCommand } from '../../../src/drivers/driver.ts';
import { HyperVDriver, openPowerShell } from '../../../src/drivers/hyperv/driver.ts';
import type { Build } from './killed-build.test.ts';
import { line } from './line.ts';

const [stateFolder = '', options = '', last] = process.argv.slice(2);
const { base, seal, access, isLinux = false } = JSON.parse(options) as Build;
const powershell = openPowerShell();
const call = powershell.call.bind(powershell);
powershell.call = async (...args) => {
  if (powershell.callCount + 1 === Number(last)) process.kill(process.pid, 'SIGKILL');
  return call(...args);
};
const driver = new HyperVDriver({
  stateFolder,
  options: { seal },
  guestAccess: () => Promise.resolve(access),
  powershell,
});
const layer = (name: string): string => path.join(stateFolder, `${name}.vhdx`);
const io = { onOutput: () => undefined };
const folder = isLinux ? '/root/made' : 'C:\\made';
/** Writes a file. */
function writing(file: string): GuestCommand {
  if (!isLinux) return line(`echo 1> ${folder}\\${file}`);
  return { argv: ['touch', `${folder}/${file}`], env: {}, workdir: '/', user: '', network: 'host' };
}

const sandbox = await driver.open({ chain: [base], sandboxPath: layer('one') });
await sandbox.files.makeDirectory(folder);
await sandbox.seal(layer('two'));
await sandbox.run(writing('one.txt'), io);
await sandbox.seal(layer('three'));
await sandbox.run(writing('two.txt'), io);
await sandbox.restart();
await sandbox.files.makeDirectory(`${folder}2`);
await sandbox.close();
const view = await driver.open({ chain: [layer('two'), layer('one'), base] });
await view.files.asSource({ sources: isLinux ? ['/etc/passwd'] : [] });
await view.close();
const calls = powershell.callCount;
await driver.close();
process.stdout.write(String(calls));
