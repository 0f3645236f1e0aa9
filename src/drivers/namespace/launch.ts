/** The built-in runtime: one short-lived launcher process for each command (what it does: launcher.ts). */
import type { ChildProcess } from 'node:child_process';
import type { Duplex } from 'node:stream';
import { HyperfileError, systemCode } from '../../base/error.ts';
import { missingTool } from '../../base/missing-tool.ts';
import { passOn } from '../../base/pass-on.ts';
import { startProcess } from '../../base/spawn.ts';
import type { CommandIo, CommandResult } from '../driver.ts';
import {
  GUEST_HOSTNAME,
  KEPT_CAPABILITIES,
  MASKED_PATHS,
  READ_ONLY_PATHS,
  type LaunchRequest,
} from './launch-request.ts';
import { LAUNCHER } from './launcher.ts';

const PERL = 'perl';

/** Only for finding the launcher's interpreter; the guest's environment goes with the request. */
const LAUNCHER_ENVIRONMENT = { PATH: '/usr/local/bin:/usr/bin:/bin' };

/** asm/unistd_64.h and asm-generic/unistd.h: the numbers never change. */
const SYSTEM_CALLS: Partial<Record<NodeJS.Architecture, string>> = {
  x64: `fcntl 72 mount 165 umount2 166 pivot_root 155 unshare 272 prctl 157 capget 125 capset 126 setgroups 116
    setresgid 119 setresuid 117 sethostname 170 setsid 112 memfd_create 319 keyctl 250`,
  arm64: `fcntl 25 mount 40 umount2 39 pivot_root 41 unshare 97 prctl 167 capget 90 capset 91 setgroups 159
    setresgid 149 setresuid 147 sethostname 161 setsid 157 memfd_create 279 keyctl 219`,
};

/** True when the built-in runtime knows this host's system calls. */
export function canLaunch(architecture: NodeJS.Architecture = process.arch): boolean {
  return SYSTEM_CALLS[architecture] !== undefined;
}

/** See {@link Launch}. */
export async function launch(request: LaunchRequest, io: CommandIo): Promise<CommandResult> {
  if (io.signal?.aborted) throw new HyperfileError('INTERRUPTED');
  const child = startProcess(PERL, ['-e', LAUNCHER], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: LAUNCHER_ENVIRONMENT,
    cwd: '/',
  });
  const stop = (): void => void child.kill('SIGTERM');
  io.signal?.addEventListener('abort', stop);
  try {
    return await converse(child, encodeRequest(request), io);
  } finally {
    io.signal?.removeEventListener('abort', stop);
  }
}

function converse(child: ChildProcess, request: Buffer, io: CommandIo): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    let complaint = '';
    passOn(child.stdout!, (chunk) => io.onOutput('stdout', chunk), io.signal);
    passOn(child.stderr!, (chunk) => io.onOutput('stderr', chunk), io.signal);
    const control = child.stdio[3] as Duplex;
    control.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
    // A launcher that died says so through its status.
    control.on('error', () => undefined);
    control.end(request);
    child.on('error', (error) => reject(startError(error)));
    child.on('close', (status, signal) => {
      if (io.signal?.aborted) reject(new HyperfileError('INTERRUPTED'));
      else if (complaint !== '') reject(startFailed(complaint));
      else if (status === null) reject(startFailed(`the launcher was ended by ${signal ?? 'a signal'}`));
      else resolve({ status });
    });
  });
}

function startError(error: Error): HyperfileError {
  if (systemCode(error) === 'ENOENT') return missingTool(PERL);
  return new HyperfileError('DRIVER_START_FAILED', { data: { reason: error.message }, cause: error });
}

function startFailed(reason: string): HyperfileError {
  return new HyperfileError('DRIVER_START_FAILED', { data: { reason } });
}

/** The fields in the order in which the launcher unpacks them. */
function encodeRequest(request: LaunchRequest): Buffer {
  const { rootPath, user, network, workdir, stdin, binds, env, argv } = request;
  const numbers = SYSTEM_CALLS[process.arch];
  if (numbers === undefined) throw startFailed(`the builtin runtime does not know ${process.arch}`);
  return packStrings([
    numbers,
    Object.values(KEPT_CAPABILITIES).join(' '),
    String(process.pid),
    rootPath,
    GUEST_HOSTNAME,
    network,
    String(user.uid),
    String(user.gid),
    user.groups.join(' '),
    workdir,
    stdin === undefined ? '' : '=' + stdin,
    packStrings(binds.flatMap(({ target, source }) => [target, source])),
    packStrings(MASKED_PATHS),
    packStrings(READ_ONLY_PATHS),
    packStrings(Object.entries(env).flat()),
    ...argv,
  ]);
}

/** Each string after its length in four bytes: whatever bytes it holds, it arrives as it is. */
function packStrings(strings: readonly (string | Buffer)[]): Buffer {
  return Buffer.concat(
    strings.flatMap((text) => {
      const bytes = Buffer.from(text as string);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      return [length, bytes];
    }),
  );
}
