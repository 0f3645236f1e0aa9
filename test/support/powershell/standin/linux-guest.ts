/**
 * Linux guests for the stand-in's machines: their disks are ext4, and while a machine runs, a real SSH server has its disk as
 * root file system. Root's password is that of test/support/ssh-server.ts; programs are this system's.
 */
import { PASSWORD, SSH_SERVER_NEEDS, startSshServer } from '../../ssh-server.ts';
import type { Host } from './host/host.ts';
import { STANDIN_NEEDS } from './standin.ts';
import { makeWindowsDisk, type WindowsDiskOptions } from './windows-disk.ts';

/** For `describeWith`. */
export const LINUX_GUEST_NEEDS: readonly string[] = [
  ...new Set([...STANDIN_NEEDS, ...SSH_SERVER_NEEDS, 'tar']),
];

/** What `--secret id=guest` has for them. */
export const LINUX_SECRET = `root\n${PASSWORD}\n`;

export function answerAsLinux(host: Host): void {
  host.guest.startLinux = async (root) => {
    const server = await startSshServer(root);
    return { addresses: [server.address], stop: () => server.stop() };
  };
}

export function makeLinuxDisk(
  filePath: string,
  options: Omit<WindowsDiskOptions, 'fileSystem'> = {},
): Promise<void> {
  return makeWindowsDisk(filePath, { ...options, fileSystem: 'ext4' });
}
