/**
 * Who the commands of a Windows guest run as: the account that it was entered with, or the one that USER names. Windows
 * starts a program as somebody else only with their password, so each account has a session of its own. An account may
 * have been made by the command before: it is asked for when the first command wants it.
 */
import { HyperfileError, type ErrorData } from '../../../base/error.ts';
import { accountName, GUEST_SECRET, secretOfUser } from '../guest-access.ts';
import { enterWindows } from './enter-windows.ts';
import type { ConnectRequest, GuestAccess } from './guest.ts';
import type { Account, GuestCalls } from './guest-calls.ts';

/** Of Windows' container images; a machine's guest has one administrator, who does their work. */
const CONTAINER_ACCOUNTS = ['containeradministrator'];
/** Windows' own, in its English and language-independent names: nobody can log on as them. */
const SYSTEM_ACCOUNTS = /^(nt (authority|service)\\.*|system|local ?service|network ?service)$/i;

/** Of one start of a guest: a session does not outlive it. */
export class WindowsAccounts {
  /** The account that the guest was entered with. */
  readonly #own: Account;
  readonly #calls: GuestCalls;
  readonly #request: ConnectRequest;
  readonly #entered = new Map<string, Account>();

  /** @param request with which the guest was entered */
  constructor(calls: GuestCalls, request: ConnectRequest) {
    [this.#calls, this.#request] = [calls, request];
    this.#own = accountOf(request.access);
  }

  /**
   * The account that a command runs as, with a session open. One call where it has none yet, else none.
   *
   * @param user as USER says it; empty: the own one
   * @throws HyperfileError HYPERV_GUEST_USER, HYPERV_GUEST_USER_OTHER, HYPERV_GUEST_USER_REFUSED,
   *   HYPERV_GUEST_USER_SYSTEM, HYPERV_GUEST_NO_PASSWORD, HYPERV_GUEST_NO_DIRECT, HYPERV_GUEST_OFF, INTERRUPTED, what
   *   reading the secret throws
   */
  async enter(user: string, signal: AbortSignal | undefined): Promise<Account> {
    const name = accountName(user);
    if (user === '' || CONTAINER_ACCOUNTS.includes(name) || name === accountName(this.#own.userName))
      return this.#own;
    const entered = this.#entered.get(name);
    if (entered !== undefined) return entered;
    if (SYSTEM_ACCOUNTS.test(user)) throw new HyperfileError('HYPERV_GUEST_USER_SYSTEM', { data: { user } });
    const account = accountOf(await this.#access(user), secretOfUser(user));
    if (accountName(account.userName) !== name) {
      const data = { user, secret: secretOfUser(user), account: account.userName };
      throw new HyperfileError('HYPERV_GUEST_USER_OTHER', { data });
    }
    await this.#connect(account, { user, secret: secretOfUser(user) }, signal);
    this.#entered.set(name, account);
    return account;
  }

  /** Ends all their sessions. */
  async close(): Promise<void> {
    for (const { userName } of [this.#own, ...this.#entered.values()])
      await this.#calls.disconnect(this.#request.machineId, userName);
    this.#entered.clear();
  }

  async #access(user: string): Promise<GuestAccess> {
    const { askAccess } = this.#request;
    if (askAccess !== undefined) return askAccess(user);
    throw new HyperfileError('HYPERV_GUEST_USER', { data: { user, secret: secretOfUser(user) } });
  }

  async #connect(account: Account, data: ErrorData, signal: AbortSignal | undefined): Promise<void> {
    const { machineId, timeoutMs, refusedMs } = this.#request;
    await enterWindows(this.#calls, {
      machineId,
      account,
      options: { timeoutMs, ...(refusedMs !== undefined && { refusedMs }), ...(signal && { signal }) },
      refusal: 'HYPERV_GUEST_USER_REFUSED',
      data,
    });
  }
}

/** @throws HyperfileError HYPERV_GUEST_NO_PASSWORD for a key: PowerShell Direct takes none */
export function accountOf({ userName, password }: GuestAccess, secret: string = GUEST_SECRET): Account {
  if (password !== undefined) return { userName, password };
  throw new HyperfileError('HYPERV_GUEST_NO_PASSWORD', { data: { secret, user: userName } });
}
