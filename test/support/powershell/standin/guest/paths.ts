/** `C:\folder\file` of a guest as a path of this host. */
import path from 'node:path';

/** The environment variable that names the folder where the guest's C: is mounted. */
export const GUEST_ROOT = 'HYPERV_GUEST_ROOT';

export function hostPath(text: string, root: string = process.env[GUEST_ROOT] ?? '/'): string {
  const drive = /^C:(?=[\\/]|$)/i.exec(text);
  const parts = text.slice(drive ? 2 : 0).replaceAll('\\', '/');
  return drive === null ? path.resolve(parts) : path.join(root, parts);
}

/** The other way round; a path outside the guest's disk stays as it is. */
export function guestPath(text: string, root: string = process.env[GUEST_ROOT] ?? '/'): string {
  const inside = path.relative(root, text);
  if (inside.startsWith('..')) return text;
  return `C:\\${inside.replaceAll('/', '\\')}`;
}
