/**
 * OpenSSH's client, which Windows has too: one connection for each script that a Linux guest runs. What it must know of
 * the guest lies in a private folder; passwords cross in the environment of that one process.
 */
import { rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { HyperfileError, systemCode } from '../../../base/error.ts';
import { systemProgram } from '../../../base/find-program.ts';
import { isOnWindows } from '../../../base/host-platform.ts';
import { missingTool } from '../../../base/missing-tool.ts';
import { makePrivateFolder } from '../../../base/private-folder.ts';
import { startProcess } from '../../../base/spawn.ts';
import type { GuestAccess } from './guest.ts';
import { scriptReader, wholeScript } from './shell-script.ts';

export interface SshOptions {
  readonly address: string;
  readonly access: GuestAccess;
  /** Where its private folder is made. */
  readonly folder?: string;
}

export interface SshRun {
  /** What the guest's shell runs, as root; see {@link commandScript} for one around a command. */
  readonly script: string;
  /** For the script to read. */
  readonly input?: string | Readable;
  readonly onStdout?: (chunk: Buffer) => void | Promise<void>;
  readonly onStderr?: (chunk: Buffer) => void | Promise<void>;
  /** Ends this side when it fires. */
  readonly signal?: AbortSignal;
}

type SshProcess = ChildProcessByStdio<Writable, Readable, Readable>;

/** ssh's own failures, and those of what it runs there that ends so. */
export const SSH_FAILED = 255;

/** A guest that is busy with its disk may be quiet for a while; one that has been switched off says nothing more. */
const ALIVE = { seconds: 5, missed: 6 };
const CONNECT_SECONDS = 10;
const KEY = 'key';
const PASSWORD_VARIABLE = 'HYPERFILE_GUEST_PASSWORD';

export class Ssh {
  readonly #options: SshOptions;
  readonly #folder: string;

  constructor(options: SshOptions) {
    this.#options = options;
    this.#folder = makePrivateFolder(options.folder ?? os.tmpdir(), 'guest-');
    const { privateKey, password } = options.access;
    if (privateKey !== undefined) writeFileSync(this.#file(KEY), ended(privateKey), { mode: 0o600 });
    if (password !== undefined) this.#writeAsker();
  }

  get address(): string {
    return this.#options.address;
  }

  /** Private, and gone when this is closed. */
  get folder(): string {
    return this.#folder;
  }

  /**
   * Has the guest run a script to its end.
   *
   * @returns its exit status, or {@link SSH_FAILED}
   * @throws HyperfileError TOOL_MISSING, INTERRUPTED; what a listener throws, after having ended this side
   */
  async run({ script, input, onStdout, onStderr, signal }: SshRun): Promise<number> {
    if (signal?.aborted) throw new HyperfileError('INTERRUPTED');
    const bytes = wholeScript(script);
    const child = this.#start(scriptReader(bytes.length, this.#options.access.userName === 'root'));
    const exited = exitOf(child);
    const end = (): void => void child.kill('SIGKILL');
    signal?.addEventListener('abort', end, { once: true });
    try {
      // A guest that has gone reads no more; its exit status says so.
      const writing = write(child.stdin, bytes, input).catch((error: unknown) => {
        if (!(input === undefined || typeof input === 'string') && input.errored) throw error;
      });
      await Promise.all([
        listen(child.stdout, onStdout),
        listen(child.stderr, onStderr),
        Promise.race([writing, exited]),
      ]);
      const status = await exited;
      if (signal?.aborted) throw new HyperfileError('INTERRUPTED');
      return status;
    } finally {
      signal?.removeEventListener('abort', end);
      end();
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
    }
  }

  /** Forgets the guest, and what it was entered with. */
  close(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #file(name: string): string {
    return path.join(this.#folder, name);
  }

  #start(remoteCommand: string): SshProcess {
    const { address, access } = this.#options;
    const args = [...settings(access), '-l', access.userName, '--', address, remoteCommand];
    return startProcess(sshProgram(), args, {
      // Files are named from here: no path has to get through the rules of ssh's settings.
      cwd: this.#folder,
      stdio: ['pipe', 'pipe', 'pipe'],
      windowsHide: true,
      detached: !isOnWindows(),
      env: { ...process.env, ...this.#askerEnvironment() },
    }) as SshProcess;
  }

  /** The program that ssh runs to be told a password: it says what is in its environment. */
  #writeAsker(): void {
    const print = `require('node:fs').writeSync(1, process.env.${PASSWORD_VARIABLE} + '\\n')`;
    if (isOnWindows()) writeFileSync(this.#file('ask.cmd'), `@"${process.execPath}" -e "${print}"\r\n`);
    else
      writeFileSync(this.#file('ask.sh'), `#!/bin/sh\nprintf '%s\\n' "$${PASSWORD_VARIABLE}"\n`, {
        mode: 0o700,
      });
  }

  #askerEnvironment(): NodeJS.ProcessEnv {
    const { password, privateKey } = this.#options.access;
    if (privateKey !== undefined || password === undefined) return {};
    return {
      [PASSWORD_VARIABLE]: password,
      SSH_ASKPASS: this.#file(isOnWindows() ? 'ask.cmd' : 'ask.sh'),
      SSH_ASKPASS_REQUIRE: 'force',
      // What versions before 8.4 go by.
      DISPLAY: process.env.DISPLAY ?? 'none',
    };
  }
}

/** Nothing of the user's own settings, keys or known hosts: a machine that is thrown away has a new key each time. */
function settings({ privateKey }: GuestAccess): string[] {
  const options = {
    StrictHostKeyChecking: 'accept-new',
    UserKnownHostsFile: 'known_hosts',
    GlobalKnownHostsFile: 'known_hosts',
    ConnectTimeout: CONNECT_SECONDS,
    ServerAliveInterval: ALIVE.seconds,
    ServerAliveCountMax: ALIVE.missed,
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
    ClearAllForwardings: 'yes',
    LogLevel: 'ERROR',
    NumberOfPasswordPrompts: 1,
    ...(privateKey === undefined
      ? { BatchMode: 'no', PreferredAuthentications: 'password,keyboard-interactive' }
      : { BatchMode: 'yes', PreferredAuthentications: 'publickey', IdentityFile: KEY }),
  };
  return [
    '-F',
    'none',
    '-T',
    ...Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`]),
  ];
}

function sshProgram(): string {
  return isOnWindows() ? systemProgram(['OpenSSH', 'ssh.exe']) : 'ssh';
}

/** ssh takes no key whose last line is not ended. */
function ended(key: string): string {
  return key.replaceAll('\r\n', '\n').trimEnd() + '\n';
}

async function exitOf(child: SshProcess): Promise<number> {
  try {
    const [status] = (await once(child, 'exit')) as [number | null];
    return status ?? SSH_FAILED;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw missingTool('ssh');
    throw error;
  }
}

async function write(stdin: Writable, script: Buffer, input: string | Readable | undefined): Promise<void> {
  stdin.write(script);
  if (input === undefined || typeof input === 'string') stdin.end(input ?? '');
  else await pipeline(input, stdin);
}

/** Reads on only when the listener is ready for more. */
async function listen(stream: Readable, listener: SshRun['onStdout']): Promise<void> {
  for await (const chunk of stream) await listener?.(chunk as Buffer);
}
