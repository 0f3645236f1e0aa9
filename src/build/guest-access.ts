/** How a build gets into guests that ask who comes: the secret `guest`. */
import { HyperfileError } from '../base/error.ts';
import { suggest } from '../base/suggest.ts';
import type { DriverOptions } from '../drivers/drivers.ts';
import { parseGuestAccess } from '../drivers/hyperv/guest-access.ts';
import type { BuildOptions } from './options.ts';
import { readSecret } from './secrets.ts';

const SECRET_ID = 'guest';

export type GuestAccess = Awaited<ReturnType<NonNullable<DriverOptions['guestAccess']>>>;

/** @throws HyperfileError HYPERV_NO_CREDENTIALS when there is no such secret, and why it cannot be read or understood */
export async function guestAccess({ secrets = {} }: BuildOptions): Promise<GuestAccess> {
  if (Object.hasOwn(secrets, SECRET_ID))
    return parseGuestAccess(await readSecret(SECRET_ID, secrets[SECRET_ID]));
  const near = suggest(SECRET_ID, Object.keys(secrets));
  const hint =
    near === undefined
      ? {}
      : { hint: `A secret with the id ${near} was given: did you mean id=${SECRET_ID}?` };
  throw new HyperfileError('HYPERV_NO_CREDENTIALS', hint);
}
