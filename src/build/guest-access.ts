/** How a build gets into guests that ask who comes: the secret `guest`, and `guest.NAME` for commands that run as NAME. */
import { HyperfileError } from '../base/error.ts';
import { suggest } from '../base/suggest.ts';
import type { DriverOptions } from '../drivers/drivers.ts';
import { GUEST_SECRET, parseGuestAccess, secretOfUser } from '../drivers/hyperv/guest-access.ts';
import type { BuildOptions } from './options.ts';
import { readSecret } from './secrets.ts';

export type GuestAccess = Awaited<ReturnType<NonNullable<DriverOptions['guestAccess']>>>;

/** The accounts that a build was given. Each secret is read once: what a pipe gives is gone then. */
export class GuestAccounts {
  readonly #secrets: NonNullable<BuildOptions['secrets']>;
  readonly #read = new Map<string, Promise<GuestAccess>>();

  constructor({ secrets = {} }: BuildOptions) {
    this.#secrets = secrets;
  }

  /**
   * @param user whose; absent: of the account that guests are entered with
   * @throws HyperfileError HYPERV_NO_CREDENTIALS or HYPERV_GUEST_USER when there is no such secret, and why it cannot be
   *   read or understood
   */
  access(user?: string): Promise<GuestAccess> {
    const wanted = user === undefined ? GUEST_SECRET : secretOfUser(user);
    const id = this.#find(wanted);
    if (id === undefined) return Promise.reject(this.#missing(user, wanted));
    const reading = this.#read.get(id) ?? this.#readSecret(id);
    this.#read.set(id, reading);
    return reading;
  }

  async #readSecret(id: string): Promise<GuestAccess> {
    return parseGuestAccess(await readSecret(id, this.#secrets[id]), id);
  }

  /** Names of accounts do not differ in case. */
  #find(wanted: string): string | undefined {
    if (Object.hasOwn(this.#secrets, wanted)) return wanted;
    const ofUsers = Object.keys(this.#secrets).filter((id) => id.startsWith(`${GUEST_SECRET}.`));
    return ofUsers.find((id) => id.toLowerCase() === wanted.toLowerCase());
  }

  #missing(user: string | undefined, wanted: string): HyperfileError {
    const others = Object.keys(this.#secrets).filter((id) => id !== GUEST_SECRET);
    const near = suggest(wanted, others);
    const hint =
      near === undefined
        ? {}
        : { hint: `A secret with the id ${near} was given: did you mean id=${wanted}?` };
    if (user === undefined) return new HyperfileError('HYPERV_NO_CREDENTIALS', hint);
    return new HyperfileError('HYPERV_GUEST_USER', { data: { user, secret: wanted }, ...hint });
  }
}
