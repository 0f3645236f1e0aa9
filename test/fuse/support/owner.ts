/** A process that owns a disk server, for tests that kill it: attaches a disk, says where, and waits. */
import { startDiskServer } from '../../../src/fuse/client/disk-server.ts';

const [folder, base, sandboxPath] = process.argv.slice(2);
const server = await startDiskServer({ folder });
const disk = await server.attach({ chain: [base], sandboxPath });
console.log(JSON.stringify({ devicePath: disk.devicePath, filePath: disk.filePath }));
setInterval(() => undefined, 60_000);
