/** Names of users and groups, by the guest's own /etc/passwd and /etc/group. */
import { HyperfileError } from '../base/error.ts';
import type { Owner } from './guest-files.ts';

/** -1 means "leave alone" to chown(2). */
const LARGEST_ID = 0xffff_fffe;

export interface AccountFiles {
  /** What errors call the guest. */
  readonly label: string;
  readonly passwd: () => Promise<string>;
  readonly group: () => Promise<string>;
}

/**
 * `user[:group]` to numbers. A name alone has its primary group, a number alone is also the group's number; an empty
 * user is root.
 *
 * @throws HyperfileError FS_OWNER_INVALID, FS_USER_UNKNOWN, FS_GROUP_UNKNOWN
 */
export async function lookUpOwner(spec: string, files: AccountFiles): Promise<Owner> {
  const [user = '', group, ...rest] = spec.split(':');
  if (rest.length > 0 || spec === '') throw new HyperfileError('FS_OWNER_INVALID', { data: { owner: spec } });
  const base = await lookUpUser(user, spec, files);
  return group === undefined || group === ''
    ? base
    : { uid: base.uid, gid: await lookUpGroup(group, spec, files) };
}

async function lookUpUser(user: string, spec: string, files: AccountFiles): Promise<Owner> {
  if (user === '') return { uid: 0, gid: 0 };
  const number = parseId(user, spec);
  if (number !== undefined) return { uid: number, gid: number };
  const fields = findLine(await files.passwd(), user);
  const [uid, gid] = [Number(fields?.[2]), Number(fields?.[3])];
  if (!fields || !isId(uid) || !isId(gid)) {
    throw new HyperfileError('FS_USER_UNKNOWN', { data: { user, tree: files.label } });
  }
  return { uid, gid };
}

async function lookUpGroup(group: string, spec: string, files: AccountFiles): Promise<number> {
  const number = parseId(group, spec);
  if (number !== undefined) return number;
  const gid = Number(findLine(await files.group(), group)?.[2]);
  if (!isId(gid)) throw new HyperfileError('FS_GROUP_UNKNOWN', { data: { group, tree: files.label } });
  return gid;
}

function parseId(text: string, spec: string): number | undefined {
  if (!/^\d+$/.test(text)) return undefined;
  const id = Number(text);
  if (!isId(id)) throw new HyperfileError('FS_OWNER_INVALID', { data: { owner: spec } });
  return id;
}

function isId(id: number): boolean {
  return Number.isInteger(id) && id >= 0 && id <= LARGEST_ID;
}

function findLine(file: string, name: string): string[] | undefined {
  const line = file.split('\n').find((text) => text.startsWith(name + ':'));
  return line?.split(':');
}
