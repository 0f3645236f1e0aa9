/** An installation of Windows on the stand-in's host, which the test kills. Arguments: state folder, medium, mark. */
import path from 'node:path';
import { openSession } from '../../../src/base/session.ts';
import { HyperVHost } from '../../../src/drivers/hyperv/host.ts';
import { installWindows } from '../../../src/drivers/hyperv/install/install.ts';
import { InstallOperations } from '../../../src/drivers/hyperv/install/operations.ts';
import { PowerShellSession } from '../../../src/drivers/hyperv/session/session.ts';

const [stateFolder = '', mediumPath = '', mark = ''] = process.argv.slice(2);
const session = openSession(stateFolder);
// Sessions do not take over the search path for modules by themselves.
const powershell = new PowerShellSession({ env: { PSModulePath: process.env.PSModulePath } });
await installWindows(
  {
    path: path.join(stateFolder, 'base.vhdx'),
    sizeBytes: 400 * 1024 ** 2,
    mediumPath,
    edition: '2',
    onProgress: () => undefined,
  },
  {
    host: new HyperVHost(powershell, mark),
    operations: new InstallOperations(powershell),
    session,
    folder: path.join(session.folder, 'volume'),
  },
);
await powershell.close();
session.close();
