/**
 * PowerShell Direct: a session of the guest is a PowerShell process on its file system. Its remoting protocol crosses a
 * socket that this host holds in the middle, so that it can end it as a guest ends: at once.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import type { Call, Handlers } from './call.ts';
import type { Host } from './host.ts';
import { answersDirect, type Machine } from './machine.ts';

interface Session {
  readonly machineId: string;
  readonly server: Server;
  readonly socketPath: string;
  readonly process: ChildProcess;
  socket: Socket | undefined;
}

export function guestHandlers(host: Host): Handlers {
  return { 'New-PSSession': (call) => newSession(host, call) };
}

/** Answers `socket PATH`, or in a word why there is no session: what module/source/NewPSSession.cs makes errors of. */
async function newSession(host: Host, call: Call): Promise<void> {
  const machine = host.machineById(call.text('VMId')!);
  const { UserName, Password } = call.get('Credential') as { UserName: string; Password: string };
  const { userName, password } = host.guest;
  if (!answersDirect(machine, host.guest)) return call.output('unreachable');
  // A local account may be given with the machine's name or a dot before it.
  const account = UserName.replace(/^[^\\]*\\/, '');
  if (account.toLowerCase() !== userName.toLowerCase() || Password !== password)
    return call.output('credential');
  call.output(`socket ${await host.guests.open(machine)}`);
}

export class Guests {
  readonly #host: Host;
  readonly #sessions = new Set<Session>();
  readonly #folder: string;
  #opened = 0;

  constructor(host: Host) {
    this.#host = host;
    this.#folder = path.join(host.folder, 'sessions');
    mkdirSync(this.#folder, { recursive: true });
  }

  /** How many sessions are open, of one machine or of all. */
  count(machineId?: string): number {
    return [...this.#sessions].filter((session) => machineId === undefined || session.machineId === machineId)
      .length;
  }

  /** Starts a PowerShell in the guest and returns the socket that reaches it. */
  async open(machine: Machine): Promise<string> {
    const id = ++this.#opened;
    const socketPath = path.join(this.#folder, `${id}.sock`);
    const root = machine.running!.root!;
    const child = spawn(
      this.#host.powershell,
      ['-s', '-NoLogo', '-NoProfile', '-ConfigurationFile', this.#configuration(id, machine, root)],
      {
        cwd: root,
        env: this.#host.guestEnvironment(root),
        stdio: ['pipe', 'pipe', 'ignore'],
      },
    );
    child.on('error', (error) => this.#host.onFault(error));
    child.stdin.on('error', () => undefined);
    const server = createServer();
    const session: Session = { machineId: machine.id, server, socketPath, process: child, socket: undefined };
    this.#sessions.add(session);
    server.on('connection', (socket) => this.#join(session, socket));
    child.on('exit', () => void this.#end(session));
    server.listen(socketPath);
    await once(server, 'listening');
    return socketPath;
  }

  #join(session: Session, socket: Socket): void {
    session.socket = socket;
    socket.on('error', () => undefined);
    socket.on('close', () => void this.#end(session));
    socket.pipe(session.process.stdin!);
    session.process.stdout!.pipe(socket);
  }

  /** The guest is gone, or the connection to it: whoever talks to it notices at once. */
  async endSessions(machineId?: string): Promise<void> {
    const ended = [...this.#sessions].filter(
      (session) => machineId === undefined || session.machineId === machineId,
    );
    await Promise.all(ended.map((session) => this.#end(session)));
  }

  async #end(session: Session): Promise<void> {
    if (!this.#sessions.delete(session)) return;
    const { process: child, server, socket, socketPath } = session;
    socket?.destroy();
    server.close();
    rmSync(socketPath, { force: true });
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }

  /** A session configuration: what the guest's PowerShell does first. */
  #configuration(id: number, machine: Machine, root: string): string {
    const script = path.join(this.#folder, `${id}.ps1`);
    writeFileSync(script, this.#host.guestProfile(machine, root));
    const file = path.join(this.#folder, `${id}.pssc`);
    writeFileSync(
      file,
      `@{ SchemaVersion = '2.0.0.0'; GUID = '${machine.id}'; SessionType = 'Default'; ScriptsToProcess = '${script}' }\n`,
    );
    return file;
  }
}
