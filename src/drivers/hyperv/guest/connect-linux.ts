/** How a Linux guest is found and entered: its address from Hyper-V, its SSH server there, and an account that is root. */
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { HyperfileError } from '../../../base/error.ts';
import type { HyperVHost } from '../host.ts';
import type { ConnectRequest, Guest } from './guest.ts';
import { LinuxGuest } from './linux-guest.ts';
import { Ssh, SSH_FAILED } from './ssh.ts';
import { noHeartbeat, waiting } from './waiting.ts';

const SSH_PORT = 22;
const POLL_MS = 500;
const BANNER_MS = 5000;
/** After that long without an SSH server the guest may have got another address; to ask is a call of PowerShell. */
const ADDRESSES_MS = 20_000;
/** What the first script says when it runs as root. */
const WELCOME = 'hyperfile 0';

/**
 * One call of PowerShell for a guest whose SSH server answers soon.
 *
 * @throws HyperfileError HYPERV_GUEST_OFF, HYPERV_GUEST_NO_HEARTBEAT, HYPERV_GUEST_NO_ADDRESS, HYPERV_GUEST_NO_SSH,
 *   HYPERV_GUEST_REFUSED, HYPERV_GUEST_ROOT, TOOL_MISSING, INTERRUPTED
 */
export async function connectLinux(host: HyperVHost, request: ConnectRequest): Promise<Guest> {
  const deadline = Date.now() + request.timeoutMs;
  const { name, addresses } = await waitForAddress(host, request);
  const attempt = new Attempt(host, request, { name, deadline, addresses });
  const address = await attempt.findServer();
  for (;;) {
    const guest = await attempt.logIn(address);
    if (guest !== undefined) return guest;
    await attempt.again();
  }
}

async function waitForAddress(host: HyperVHost, request: ConnectRequest): Promise<Omit<Place, 'deadline'>> {
  const { machineId, isOff = false, timeoutMs } = request;
  const { isReached, name, state, heartbeat, addresses } = await host.waitForMachine(machineId, 'Address', {
    timeoutMs,
    isOff,
    ...waiting(request, (status) =>
      hasHeartbeat(status) ? 'the guest has no address yet' : noHeartbeat(status),
    ),
  });
  if (isReached) return { name, addresses };
  const data = { machine: name, seconds: timeoutMs / 1000, state, heartbeat: heartbeat ?? 'none' };
  if (state === 'Off') throw new HyperfileError('HYPERV_GUEST_OFF', { data });
  const code = hasHeartbeat(heartbeat ?? '') ? 'HYPERV_GUEST_NO_ADDRESS' : 'HYPERV_GUEST_NO_HEARTBEAT';
  throw new HyperfileError(code, { data });
}

/** `OkApplicationsUnknown` and others: that there is contact is in the first two letters. */
function hasHeartbeat(status: string): boolean {
  return /\bOk/.test(status);
}

interface Place {
  /** The machine's name. */
  readonly name: string;
  /** What the guest said when it was first reached, the best first. */
  readonly addresses: readonly string[];
  /** When it must answer, in milliseconds since 1970. */
  readonly deadline: number;
}

/** What is known so far, and why there is no more yet. */
class Attempt {
  readonly #host: HyperVHost;
  readonly #request: ConnectRequest;
  readonly #place: Place;
  #addresses: readonly string[];
  #askedAt = Date.now();
  #failure: HyperfileError;

  constructor(host: HyperVHost, request: ConnectRequest, place: Place) {
    [this.#host, this.#request, this.#place] = [host, request, place];
    this.#addresses = place.addresses;
    this.#failure = this.#error('HYPERV_GUEST_NO_ADDRESS');
  }

  /** The first address where an SSH server answers. */
  async findServer(): Promise<string> {
    for (;;) {
      for (const address of this.#addresses) {
        const message = await greeting(address);
        if (message === undefined) return address;
        this.#failure = this.#error('HYPERV_GUEST_NO_SSH', { address, message });
      }
      this.#request.onWait?.('the SSH server does not answer yet');
      await this.again();
      if (Date.now() - this.#askedAt >= ADDRESSES_MS) await this.#askAgain();
    }
  }

  async #askAgain(): Promise<void> {
    const { machineId, signal } = this.#request;
    const options = { timeoutMs: 0, ...(signal && { signal }) };
    this.#addresses = (await this.#host.waitForMachine(machineId, 'Address', options)).addresses;
    this.#askedAt = Date.now();
  }

  /** @throws HyperfileError what it is no use to wait for */
  async logIn(address: string): Promise<Guest | undefined> {
    const { access, folder, signal, onWait } = this.#request;
    const ssh = new Ssh({ address, access, ...(folder !== undefined && { folder }) });
    const said = { stdout: '', stderr: '' };
    let isIn = false;
    try {
      const status = await ssh.run({
        script: 'echo "hyperfile $(id -u)"; command -v setsid >/dev/null',
        onStdout: (chunk) => void (said.stdout += chunk.toString()),
        onStderr: (chunk) => void (said.stderr += chunk.toString()),
        ...(signal && { signal }),
      });
      const message = said.stderr.trim() || `ssh ended with status ${status}`;
      isIn = status === 0 && said.stdout.includes(WELCOME);
      if (isIn) return new LinuxGuest(ssh);
      // ssh's own words, which it has in no other language.
      const isRefused = status === SSH_FAILED && said.stderr.includes('Permission denied (');
      if (isRefused) this.#failure = this.#error('HYPERV_GUEST_REFUSED', { address, message });
      else if (status === SSH_FAILED)
        this.#failure = this.#error('HYPERV_GUEST_NO_SSH', { address, message });
      else throw this.#error('HYPERV_GUEST_ROOT', { address, message });
      if (isRefused) throw this.#failure;
      onWait?.('the SSH server lets nobody in yet');
      return undefined;
    } finally {
      if (!isIn) ssh.close();
    }
  }

  /** Rests before the next attempt. @throws HyperfileError when there is no time for one */
  async again(): Promise<void> {
    const { signal, machineId } = this.#request;
    if (Date.now() >= this.#place.deadline) {
      const { state } = await this.#host.machine(machineId, signal);
      throw state === 'Off' ? this.#error('HYPERV_GUEST_OFF', { state }) : this.#failure;
    }
    await sleep(POLL_MS, undefined, { ...(signal && { signal }) }).catch(() => {
      throw new HyperfileError('INTERRUPTED');
    });
  }

  #error(code: LinuxFailure, more: Readonly<Record<string, string>> = {}): HyperfileError {
    const { access, timeoutMs } = this.#request;
    const data = { machine: this.#place.name, user: access.userName, seconds: timeoutMs / 1000, ...more };
    return new HyperfileError(code, { data });
  }
}

type LinuxFailure =
  | 'HYPERV_GUEST_NO_ADDRESS'
  | 'HYPERV_GUEST_NO_SSH'
  | 'HYPERV_GUEST_OFF'
  | 'HYPERV_GUEST_REFUSED'
  | 'HYPERV_GUEST_ROOT';

/** Undefined when an SSH server greets there, else why not. */
function greeting(address: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: address, port: SSH_PORT, timeout: BANNER_MS });
    const settle = (why: string | undefined): void => {
      socket.destroy();
      resolve(why);
    };
    let heard = '';
    socket.on('data', (chunk) => {
      heard += chunk.toString('latin1');
      if (heard.startsWith('SSH-')) settle(undefined);
    });
    socket.on('timeout', () => settle('it does not answer'));
    socket.on('error', (error) => settle(error.message));
    socket.on('close', () => settle('it says nothing'));
  });
}
