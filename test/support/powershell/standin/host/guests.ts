/**
 * PowerShell Direct: a session of the guest is a PowerShell process on its file system. Its remoting protocol crosses a
 * socket that this host holds in the middle, so that it can end it as a guest ends: at once.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Call, Handlers } from './call.ts';
import { logOn } from '../guest/accounts.ts';
import { GuestPrograms } from '../guest/programs.ts';
import type { Host } from './host.ts';
import { answersDirect, type Machine } from './machine.ts';

/** From the command to the end of everything that runs in the guest. */
const SHUTDOWN_NOTICE_MS = 100;
/** How long a PowerShell whose connection has ended may take to stop what it runs and to end, too. */
const END_MS = 30_000;
/** How long the processes of a machine that is switched off may take to end. */
const GROUP_END_MS = 500;

interface Session {
  readonly machineId: string;
  readonly server: Server;
  readonly socketPath: string;
  readonly process: ChildProcess;
  socket: Socket | undefined;
}

export function guestHandlers(host: Host): Handlers {
  return {
    'New-PSSession': (call) => newSession(host, call),
    'guest: shutdown': (call) => shutdownFromInside(host, call),
  };
}

/** What guest/shutdown.ts asks for. It is answered before the machine goes, as the asker goes with it. */
function shutdownFromInside(host: Host, call: Call): void {
  const machine = host.machineById(call.text('VMId')!);
  const isRestart = call.text('action') === 'restart';
  const act = async (): Promise<void> => {
    if (!(await host.power.endFromInside(machine))) return;
    if (isRestart) await host.power.start(machine);
  };
  setTimeout(() => void act().catch((error: unknown) => host.onFault(error)), SHUTDOWN_NOTICE_MS);
}

/** Answers `socket PATH`, or in a word why there is no session: what module/source/NewPSSession.cs makes errors of. */
async function newSession(host: Host, call: Call): Promise<void> {
  const machine = host.machineById(call.text('VMId')!);
  const { UserName, Password } = call.get('Credential') as { UserName: string; Password: string };
  if (!answersDirect(machine, host.guest)) return call.output('unreachable');
  if (host.guest.directIsBroken) return call.output('negotiation');
  if (machine.running?.firstStart?.knowsAccounts === false) return call.output('credential');
  // A local account may be given with the machine's name or a dot before it.
  const account = loggedOn(host, machine, UserName.replace(/^[^\\]*\\/, ''), Password);
  if (account === undefined) return call.output('credential');
  call.output(`socket ${await host.guests.open(machine, account)}`);
}

/** The account that is let in: the one that all guests have, or one that a command has made. */
function loggedOn(host: Host, machine: Machine, name: string, password: string): string | undefined {
  const { guest } = host;
  if (name.toLowerCase() !== guest.userName.toLowerCase())
    return logOn(machine.running!.root!, name, password);
  return password === guest.password ? guest.userName : undefined;
}

export class Guests {
  readonly #host: Host;
  readonly #sessions = new Set<Session>();
  readonly #folder: string;
  readonly #programs: GuestPrograms;
  /** Process groups of sessions, by machine: what their commands have left behind runs until the machine is off. */
  readonly #groups = new Map<string, Set<number>>();
  #opened = 0;

  constructor(host: Host) {
    this.#host = host;
    this.#folder = path.join(host.folder, 'sessions');
    this.#programs = new GuestPrograms(path.join(host.folder, 'guest-programs'), host.powershell);
    mkdirSync(this.#folder, { recursive: true });
  }

  /** How many sessions are open, of one machine or of all. */
  count(machineId?: string): number {
    return [...this.#sessions].filter((session) => machineId === undefined || session.machineId === machineId)
      .length;
  }

  /** Starts a PowerShell in the guest and returns the socket that reaches it. */
  async open(machine: Machine, userName: string): Promise<string> {
    const id = ++this.#opened;
    const socketPath = path.join(this.#folder, `${id}.sock`);
    const { root } = machine.running!;
    const place = {
      machineId: machine.id,
      machineName: machine.name,
      userName,
      root: root!,
      hostSocket: this.#host.socketPath,
    };
    const env = this.#programs.environment(place);
    const configuration = this.#configuration(id, machine.id, this.#programs.profileOf(place));
    const args = ['-s', '-NoLogo', '-NoProfile', '-ConfigurationFile', configuration];
    const child = spawn(this.#host.powershell, args, {
      cwd: root,
      env,
      stdio: ['pipe', 'pipe', 'ignore'],
      // A group of its own: what its commands started ends with it.
      detached: true,
    });
    child.on('error', (error) => this.#host.onFault(error));
    this.#groupsOf(machine.id).add(child.pid!);
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
    socket.on('close', () => void this.#leave(session));
    socket.pipe(session.process.stdin!);
    session.process.stdout!.pipe(socket);
  }

  #groupsOf(machineId: string): Set<number> {
    const groups = this.#groups.get(machineId) ?? new Set();
    this.#groups.set(machineId, groups);
    return groups;
  }

  /** The guest is gone, or the connection to it: whoever talks to it notices at once. */
  async endSessions(machineId?: string): Promise<void> {
    const ended = [...this.#sessions].filter(
      (session) => machineId === undefined || session.machineId === machineId,
    );
    await Promise.all(ended.map((session) => this.#end(session)));
    const ids = machineId === undefined ? [...this.#groups.keys()] : [machineId];
    const groups = ids.flatMap((id) => [...this.#groupsOf(id)]);
    for (const id of ids) this.#groups.delete(id);
    await Promise.all(groups.map(endGroup));
  }

  /** Everything that runs in the guest stands still, as when a driver of it hangs; nothing notices. */
  hang(machineId: string): void {
    for (const group of this.#groupsOf(machineId)) signalGroup(group, 'SIGSTOP');
  }

  /** Whoever talked to the guest has gone. Its PowerShell hears of it and ends by itself; what it started does not. */
  async #leave(session: Session): Promise<void> {
    const { process: child } = session;
    if (!this.#sessions.has(session)) return;
    this.#forget(session);
    child.stdin!.end();
    child.stdout!.resume();
    const late = setTimeout(() => child.kill('SIGKILL'), END_MS);
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    clearTimeout(late);
  }

  async #end(session: Session): Promise<void> {
    if (!this.#sessions.has(session)) return;
    this.#forget(session);
    const { process: child } = session;
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, 'exit');
    signalGroup(child.pid!, 'SIGKILL');
    await exited;
  }

  #forget(session: Session): void {
    const { socket, server, socketPath } = session;
    this.#sessions.delete(session);
    socket?.destroy();
    server.close();
    rmSync(socketPath, { force: true });
  }

  /** A session configuration: what the guest's PowerShell does first. */
  #configuration(id: number, guid: string, script: string): string {
    const file = path.join(this.#folder, `${id}.pssc`);
    const settings = `SchemaVersion = '2.0.0.0'; GUID = '${guid}'; SessionType = 'Default'`;
    writeFileSync(file, `@{ ${settings}; ScriptsToProcess = '${script}' }\n`);
    return file;
  }
}

/** What has ended but is not collected yet has let its files go. */
async function endGroup(group: number): Promise<void> {
  const deadline = Date.now() + GROUP_END_MS;
  while (signalGroup(group, 'SIGKILL') && Date.now() < deadline) await sleep(10);
}

/** @returns whether there is anything left of it */
function signalGroup(group: number, name: NodeJS.Signals): boolean {
  try {
    return process.kill(-group, name);
  } catch {
    return false;
  }
}
