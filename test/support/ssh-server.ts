/**
 * A Linux guest for tests: an OpenSSH server on an address of its own, port 22, whose sessions see a root file system of
 * their own. It has this system's programs and accounts of its own: in a mount namespace, so that nothing of it is left
 * when its processes have ended.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { withOwnMounts } from './own-mounts.ts';

/** For `describeWith`. */
export const SSH_SERVER_NEEDS: readonly string[] = [
  'root',
  '/usr/sbin/sshd',
  'ssh',
  'unshare',
  'setpriv',
  'perl',
];

/** Of root and of `builder`, who is nobody special. */
export const PASSWORD = `it's a "pass" $word é`;
const PORT = 22;

export interface SshServer {
  readonly address: string;
  /** Root's, in OpenSSH's form. */
  readonly privateKey: string;
  /** The guest's root file system, as this system sees it. */
  readonly root: string;
  /** As when the machine is switched off. */
  stop(): Promise<void>;
}

/**
 * @param disk a mounted disk that is to be the root file system; it is only root's to change, and so are all folders above
 */
export async function startSshServer(disk?: string): Promise<SshServer> {
  const address = loopbackAddress();
  // sshd lets nobody into a root that others than root may change, which rules /tmp out.
  const folder = mkdtempSync('/run/hyperfile-sshd-');
  const root = path.join(folder, 'root');
  mkdirSync(root);
  const seen = disk ?? root;
  for (const name of ['usr', 'dev', 'etc', 'proc', 'root', 'sys', 'tmp'])
    mkdirSync(path.join(seen, name), { recursive: true });
  const hash = execFileSync('perl', ['-e', 'print crypt($ARGV[0], q($6$salt$))', PASSWORD], {
    encoding: 'utf8',
  });
  const accounts = {
    passwd: `root:x:0:0:root:/root:/bin/sh
builder:x:1000:1000::/home/builder:/bin/sh
sshd:x:110:65534::/run/sshd:/usr/sbin/nologin\n`,
    group: 'root:x:0:\nbuilder:x:1000:\nvideo:x:44:builder,other\n',
    shadow: ['root', 'builder', 'sshd'].map((name) => `${name}:${hash}:19000:0:99999:7:::\n`).join(''),
  };
  for (const [name, text] of Object.entries(accounts)) {
    writeFileSync(path.join(folder, name), text, { mode: name === 'shadow' ? 0o600 : 0o644 });
    if (name !== 'shadow') writeFileSync(path.join(seen, 'etc', name), text);
  }
  for (const name of ['host_key', 'user_key'])
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', path.join(folder, name)]);
  writeFileSync(path.join(folder, 'sshd_config'), configuration(folder, address));
  const [tool = '', ...words] = withOwnMounts(seen, startScript(folder, seen));
  const server = spawn(tool, words, {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  let said = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  await answers(address, server, () => said);
  return {
    address,
    root: seen,
    privateKey: readFileSync(path.join(folder, 'user_key'), 'utf8'),
    stop: async () => {
      await end(server, folder);
      rmSync(folder, { recursive: true });
    },
  };
}

/** One of millions: nobody else has it at the same time. */
function loopbackAddress(): string {
  return ['127', randomInt(1, 255), randomInt(1, 255), randomInt(1, 255)].join('.');
}

function configuration(folder: string, address: string): string {
  return `ListenAddress ${address}
Port ${PORT}
HostKey ${folder}/host_key
PidFile none
AuthorizedKeysFile ${folder}/user_key.pub
StrictModes no
PermitRootLogin yes
PasswordAuthentication yes
KbdInteractiveAuthentication no
UsePAM no
ChrootDirectory ${folder}/root
MaxStartups 100
`;
}

/** Mounts are this namespace's own; the guest's programs are this system's, which nobody can write to. */
function startScript(folder: string, seen: string): string {
  return `set -e
for name in passwd group shadow; do mount --bind '${folder}'/$name /etc/$name; done
mount --bind '${seen}' '${folder}/root'
cd '${folder}/root'
mount --bind /usr usr
mount -o remount,bind,ro usr
mount --rbind /dev dev
mount --bind /proc proc
for name in /bin /sbin /lib /lib64; do
  if [ -L $name ]; then ln -sfn usr$name .$name; elif [ -d $name ]; then mkdir -p .$name; mount --bind $name .$name; fi
done
mkdir -p /run/sshd
exec /usr/sbin/sshd -D -e -f '${folder}/sshd_config'`;
}

async function answers(address: string, server: ChildProcess, said: () => string): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (server.exitCode !== null) throw new Error(`sshd ended: ${said()}`);
    const isUp = await new Promise<boolean>((resolve) => {
      const socket = connect({ host: address, port: PORT });
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
      socket.on('connect', () => socket.destroy());
    });
    if (isUp) return;
    await sleep(50);
  }
  throw new Error(`sshd does not answer: ${said()}`);
}

/** The server and all its sessions, which are in groups of their own but have its mounts. */
async function end(server: ChildProcess, folder: string): Promise<void> {
  const exited = server.exitCode === null ? once(server, 'exit') : undefined;
  for (const pid of processesThatSee(`${folder}/root`)) tryKill(pid);
  await exited;
  for (let attempt = 0; attempt < 100 && processesThatSee(`${folder}/root`).length > 0; attempt++)
    await sleep(20);
}

function processesThatSee(mountPoint: string): number[] {
  const ids = execFileSync('ls', ['/proc'], { encoding: 'utf8' })
    .split('\n')
    .filter((name) => /^\d+$/.test(name));
  return ids.map(Number).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(mountPoint);
    } catch {
      return false;
    }
  });
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}
