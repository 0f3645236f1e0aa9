/**
 * A build that gets stuck in a command, for tests that kill it. Arguments: state folder, root partition as JSON, the
 * layer to make, the chain below it. Prints "running" once the command runs; a failure is printed as its code.
 */
import { isHyperfileError } from '../../../src/base/error.ts';
import { NamespaceDriver } from '../../../src/drivers/namespace/driver.ts';
import type { RootPartition } from '../../../src/drivers/driver.ts';

const [stateFolder = '', root = '', sandboxPath = '', ...chain] = process.argv.slice(2);

try {
  const driver = new NamespaceDriver({ stateFolder });
  const sandbox = await driver.open({ chain, sandboxPath, root: JSON.parse(root) as RootPartition });
  // As a user, and with a process that has left the session: neither may outlive the build.
  const argv = ['/bin/sh', '-c', 'trap "" TERM HUP; setsid sleep 1000 & echo running; sleep 1000'];
  const command = { argv, env: {}, workdir: '/', user: 'alice', network: 'host' as const };
  await sandbox.run(command, { onOutput: (_, chunk) => void process.stdout.write(chunk) });
} catch (error) {
  process.stdout.write(isHyperfileError(error) ? `${error.code}\n` : String(error));
}
