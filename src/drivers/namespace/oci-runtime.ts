/** Commands started by an OCI runtime instead of the built-in launcher, with the same meaning. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { HyperfileError, systemCode } from '../../base/error.ts';
import { missingTool } from '../../base/missing-tool.ts';
import { passOn } from '../../base/pass-on.ts';
import { runQuickly, startProcess } from '../../base/spawn.ts';
import type { CommandIo, CommandResult } from '../driver.ts';
import type { LaunchRequest } from './launch-request.ts';
import { ociConfig } from './oci-config.ts';

/** How a runtime says that a program is not there, and that it may not be run. */
const NOT_FOUND = /not found|no such file/i;
const NOT_ALLOWED = /permission denied|exec format error|is a directory/i;

/** A guest can open pipes again as /dev/stdout, but not the sockets that Node gives: `cat` stands between. */
const THROUGH_PIPES = 'exec "$@" > >(exec cat) 2> >(exec cat >&2)';

let started = 0;

/** See {@link Launch}; `runtime` is crun, runc or another program with their command line. */
export async function launchWithOci(
  runtime: string,
  request: LaunchRequest,
  io: CommandIo,
): Promise<CommandResult> {
  if (io.signal?.aborted) throw new HyperfileError('INTERRUPTED');
  const id = `hyperfile-${process.pid}-${++started}`;
  const bundle = path.join(request.folder, `bundle-${started}`);
  mkdirSync(bundle, { mode: 0o700 });
  writeFileSync(path.join(bundle, 'config.json'), JSON.stringify(ociConfig(request)));
  const log = path.join(bundle, 'log');
  const stop = (): void => void runQuickly(runtime, ['delete', '--force', id]).catch(() => undefined);
  io.signal?.addEventListener('abort', stop);
  try {
    const manager = runtime === 'crun' ? ['--cgroup-manager=cgroupfs'] : [];
    const status = await runToEnd(
      [runtime, `--log=${log}`, '--log-format=json', ...manager, 'run', '--bundle', bundle, id],
      request,
      io,
    );
    if (io.signal?.aborted) throw new HyperfileError('INTERRUPTED');
    return { status: status === 0 ? 0 : (startStatus(log, request.argv[0] ?? '') ?? status) };
  } finally {
    io.signal?.removeEventListener('abort', stop);
    rmSync(bundle, { recursive: true, force: true });
  }
}

function runToEnd(command: readonly string[], request: LaunchRequest, io: CommandIo): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = startProcess('bash', ['-c', THROUGH_PIPES, 'bash', ...command], {
      stdio: [request.stdin === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
      // A terminal's Ctrl-C is for this process, which ends the command itself.
      detached: true,
    });
    passOn(child.stdout!, (chunk) => io.onOutput('stdout', chunk), io.signal);
    passOn(child.stderr!, (chunk) => io.onOutput('stderr', chunk), io.signal);
    // A command need not read its input.
    child.stdin?.on('error', () => undefined).end(request.stdin);
    child.on('error', (error) => {
      const missing = systemCode(error) === 'ENOENT';
      reject(missing ? missingTool('bash') : error);
    });
    child.on('close', (status, signal) => {
      if (status === null && !io.signal?.aborted)
        reject(startFailed(`the runtime was ended by ${signal ?? 'a signal'}`));
      else resolve(status ?? 1);
    });
  });
}

/**
 * The status for a command that never began: 127 not found, 126 not allowed; undefined when it ran.
 *
 * @throws HyperfileError DRIVER_START_FAILED
 */
function startStatus(log: string, program: string): number | undefined {
  const complaint = readErrors(log).at(-1);
  if (complaint === undefined) return undefined;
  if (complaint.includes(program) && NOT_FOUND.test(complaint)) return 127;
  if (complaint.includes(program) && NOT_ALLOWED.test(complaint)) return 126;
  throw startFailed(complaint);
}

/** The log is one JSON object a line. */
function readErrors(log: string): string[] {
  if (!existsSync(log)) return [];
  const lines = readFileSync(log, 'utf8').split('\n').filter(Boolean);
  return lines.flatMap((line) => {
    const { level, msg } = JSON.parse(line) as { level?: string; msg?: string };
    return level === 'error' && msg !== undefined ? [msg] : [];
  });
}

function startFailed(reason: string): HyperfileError {
  return new HyperfileError('DRIVER_START_FAILED', { data: { reason } });
}
